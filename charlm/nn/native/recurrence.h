/* What the time loops take, and how their threads meet. */
#ifndef CHARLM_RECURRENCE_H
#define CHARLM_RECURRENCE_H

#include <stdint.h> /* `long` has 32 bits on Windows */

/* Operands of products are float, or bfloat16 in the loops compiled for it; the rest is float in both. */
struct recurrence {
    int64_t T, B, H;
    int64_t activation;         /* rnn: 0 tanh, 1 relu, 2 sigmoid, 3 identity */
    const void *projected;      /* (T, B, G) operands, G = gates · H: W_x x + b; or, in its place, */
    const int64_t *ids;         /* (T, B) symbols, and */
    const float *table;         /* (V, G): W_x x + b of each */
    const float *weight;        /* (G, H) */
    const float *bias;          /* (G) */
    const float *keep;          /* (T, B) or NULL */
    float *output;              /* (T + 1, B, H): at 0 the state before */
    void *operands;             /* (T + 1, B, H): the same as operands; of float, the same memory */
    float *memory;              /* (T + 1, B, H): c of an LSTM, at 0 the one before */
    float *saved;               /* (T, B, ·) what backward needs, or NULL */
    void *packed;               /* (G, H) operands, to work in */
    void *scratch;              /* (B, H) operands, to work in */
    const float *grad_output;   /* (T, B, H) */
    float *carry;               /* (B, H): the state's gradient, in and out */
    float *carry_memory;        /* (B, H): that of c */
    void *grad_projected;       /* (T, B, G) operands, or NULL where it is grad_recurrent; or, in its place, */
    float *grad_table;          /* (V, G), to which it is added */
    void *grad_recurrent;       /* (T, B, G) operands: of W_h h + b */
    float *grad_bias;           /* (G), to which their sum is added */
};

struct layer {
    const float *packed_ih;     /* packed (G, H); the lowest layer has a table in its place */
    const float *bias_ih;       /* (G) */
    const float *packed_hh;     /* packed (G, H) */
    const float *bias_hh;       /* (G) */
    float *state;               /* (2, B, H): before and after; a step ends with after copied to before */
    float *memory;              /* the same of c, or NULL */
};

struct filter {                 /* a sampler: how logits are changed before the draw */
    int64_t kind;
    double setting;
};

struct stack {
    int64_t B, H, V, layers, gates, activation; /* V: symbols, padded to a multiple of 16 */
    const float *table;          /* (V, G): W_x x + b of the lowest layer for every symbol */
    const float *packed_readout; /* packed (V, H) */
    const float *bias_readout;   /* (V) */
    const struct layer *layer;
    float *projected;            /* (B, G) to work in */
    int64_t *ids;                /* (B) the symbols read */
    float *logits;               /* (steps + 1, B, V), at 0 those of the first draw */
    int64_t symbols;             /* V without padding */
    int64_t steps;               /* at most: it is over when more than */
    int64_t enough;              /* rows have drawn */
    int64_t end;
    int64_t filters;
    const struct filter *filter;
    const double *chance;        /* (steps, B) in [0, 1) */
    double *work;                /* (B, V) to work in */
    int64_t *order;              /* (B, V) to work in */
    int64_t *drawn;              /* (steps, B) */
    int64_t *done;               /* steps that were made */
};

struct team {
    int index, size;
    int64_t rounds;   /* how often this thread has met the others */
    int64_t *arrived; /* by all of them together */
};

void meet(struct team *team);

#endif
