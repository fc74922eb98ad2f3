/* What the time loops take, and how their threads meet. */
#ifndef CHARLM_RECURRENCE_H
#define CHARLM_RECURRENCE_H

struct recurrence {
    long T, B, H;
    long activation;           /* rnn: 0 tanh, 1 relu, 2 sigmoid, 3 identity */
    const float *projected;    /* (T, B, G), G = gates · H: W_x x + b */
    const float *weight;       /* (G, H) */
    const float *bias;         /* (G) */
    const float *keep;         /* (T, B) or NULL */
    float *output;             /* (T + 1, B, H): at 0 the state before */
    float *memory;             /* (T + 1, B, H): c of an LSTM, at 0 the one before */
    float *saved;              /* (T, B, ·) what backward needs, or NULL */
    float *scratch;            /* (B, H) */
    const float *grad_output;  /* (T, B, H) */
    float *carry;              /* (B, H): the state's gradient, in and out */
    float *carry_memory;       /* (B, H): that of c */
    float *grad_projected;     /* (T, B, G) */
    float *grad_recurrent;     /* (T, B, G): of W_h h + b_h, where it differs (gru) */
};

struct layer {
    const float *packed_ih;    /* packed (G, H); the lowest layer has a table in its place */
    const float *bias_ih;      /* (G) */
    const float *packed_hh;    /* packed (G, H) */
    const float *bias_hh;      /* (G) */
    float *state;              /* (2, B, H): before and after; a step ends with after copied to before */
    float *memory;             /* the same of c, or NULL */
};

struct stack {
    long B, H, V, layers, gates, activation; /* V: symbols, padded to a multiple of 16 */
    const long long *ids;        /* (B) the symbols read */
    const float *table;          /* (V, G): W_x x + b of the lowest layer for every symbol */
    const float *packed_readout; /* packed (V, H) */
    const float *bias_readout;   /* (V) */
    float *projected;            /* (B, G) to work in */
    float *logits;               /* (B, V) */
    const struct layer *layer;
};

struct team {
    int index, size;
    long rounds;      /* how often this thread has met the others */
    long *arrived;    /* by all of them together */
};

void meet(struct team *team);

#endif
