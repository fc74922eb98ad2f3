/* The arguments of the time loops, and the barrier of their threads. */
#ifndef CHARLM_RECURRENCE_H
#define CHARLM_RECURRENCE_H

#include <stdint.h> /* `long` has 32 bits on Windows */

/* "Operands" are the factors of matrix products: float, or bfloat16 in the loops compiled for it. The rest is float. */
struct recurrence {
    int64_t T, B, H;
    int64_t activation;         /* rnn: 0 tanh, 1 relu, 2 sigmoid, 3 identity */
    const void *projected;      /* (T, B, G) operands, G = gates · H: W_x x + b; or NULL if there is a table */
    const int64_t *ids;         /* (T, B) token ids, rows of the table; or NULL */
    const float *table;         /* (V, G): W_x x + b of every token */
    const float *weight;        /* (G, H) */
    const float *bias;          /* (G) */
    const float *keep;          /* (T, B): 0 where the state is zeroed before the step, else 1; NULL for all 1 */
    float *output;              /* (T + 1, B, H): the states; index 0 is the initial state */
    void *operands;             /* (T + 1, B, H): the states as operands; the memory of `output` if operands are float */
    float *memory;              /* (T + 1, B, H): c of an LSTM; index 0 is the initial one */
    float *saved;               /* (T, B, ·): what backward needs, or NULL */
    void *packed;               /* (G, H) operands, both padded: work space for the packed weights */
    void *scratch;              /* (B, H) operands: work space for a state with zeroed rows */
    void *gated;                /* (T, B, H) operands: r · h of gru_cho; (B, H) if nothing is saved */
    const float *grad_output;   /* (T, B, H) */
    float *carry;               /* (B, H): gradient of the state, read and written */
    float *carry_memory;        /* (B, H): gradient of c, read and written; of r · h in gru_cho, work space */
    void *grad_projected;       /* (T, B, G) operands; NULL if it equals grad_recurrent or there is a table */
    float *grad_table;          /* (V, G): the gradient of the table is added to it; or NULL */
    void *grad_recurrent;       /* (T, B, G) operands: gradient of W_h h + b */
    float *grad_bias;           /* (G): the sum of grad_recurrent is added to it */
};

struct layer {
    const float *packed_ih;     /* packed (G, H); NULL in the lowest layer, which has a table */
    const float *bias_ih;       /* (G) */
    const float *packed_hh;     /* packed (G, H); NULL, as the bias, in a cell without a product */
    const float *bias_hh;       /* (G) */
    float *state;               /* (2, B, H): the state before and after a step; a step ends by copying after to before */
    float *memory;              /* (2, B, H): the same for c, or NULL */
};

struct filter {                 /* a sampler: a change of the logits before the draw */
    int64_t kind;
    double setting;
};

/* Write the probabilities (rows, V) of counts after contexts (rows, size), and three statistics of each: look_up.c. */
typedef void distributions(const void *tree, const int64_t *contexts, int64_t rows, int64_t size, float *probabilities,
                           uint8_t *statistics);

enum { GUESSES = 2 };

struct guide {                  /* outputs, and the guesses that change them */
    int64_t N, H, stride;       /* stride: numbers from one output to the next one */
    const float *outputs;       /* (N, stride) */
    int64_t *tokens;            /* (N, GUESSES) */
    float *chances;             /* (N, GUESSES): their probabilities */
    const float *table;         /* (V, 2, H): what each token does to an output */
    float *guided;              /* (N, H): the result */
    const float *grad_guided;   /* (N, H), as all that follows for backward alone */
    float *grad_outputs;        /* (N, H) */
    float *grad_table;          /* (V, 2, H) */
};

struct mixture {                /* the counts that share the prediction, and the gate between them and the network */
    distributions *distributions;
    const void *tree;
    int64_t size;               /* C tokens of context */
    int64_t *contexts;          /* (B, C): the tokens before the next one */
    const int64_t *cell_parts;  /* (3, 256): what each value of the statistics adds to the number of a cell of G */
    const float *gate_table;    /* G */
    const float *gate_vector;   /* (H): u */
    float *counted;             /* (B, symbols): work space */
    uint8_t *statistics;        /* (B, 3): work space */
    const struct guide *guide;  /* of the outputs of the last layer, or NULL */
};

enum cell { GRU, LSTM, RNN, GRU_SIMPLE, GRU_CHO, MINGRU, MINLSTM, CELLS };

struct stack {
    int64_t B, H, V, layers, cell, gates, activation; /* V: rows of the readout, padded to a multiple of 16 */
    const float *table;          /* (V, G): W_x x + b of the lowest layer for every token */
    const float *packed_readout; /* packed (V, H) */
    const float *bias_readout;   /* (V) */
    const struct layer *layer;
    float *projected;            /* (B, G): work space */
    float *gated;                /* (B, H): work space of gru_cho */
    int64_t *ids;                /* (B): the tokens to read next */
    float *logits;               /* (steps + 1, B, V): index 0 holds the logits of the first draw */
    int64_t symbols;             /* vocabulary; the rows of the groups follow, then padding */
    int64_t groups;              /* of an adaptive readout */
    const int64_t *ends;         /* (groups + 1): where each group begins in `members`, and the end of the last */
    const int64_t *members;      /* the tokens of all groups */
    int64_t steps;               /* steps at most; drawing stops earlier if more than */
    int64_t enough;              /* this many rows have drawn */
    int64_t end;
    const int64_t *filter_ends;  /* (B + 1): where the filters of each row begin, and the end of the last */
    const struct filter *filter;
    const double *chance;        /* (steps, B) in [0, 1) */
    double *work;                /* (B, V): work space */
    int64_t *order;              /* (B, V): work space */
    int64_t *drawn;              /* (steps, B) */
    int64_t *done;               /* number of steps that were done */
    const struct mixture *mixture; /* or NULL */
};

struct team {
    int index, size;
    int64_t rounds;   /* number of barriers that this thread has reached */
    int64_t *arrived; /* barriers reached, summed over all threads */
};

void meet(struct team *team);

#endif
