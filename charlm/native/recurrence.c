/* The time loops of the recurrent cells on a CPU: one matrix product a step, and all gate arithmetic fused to its end.
 *
 * A weight matrix is packed once per call, so that the product of a step streams it in order. Each thread owns some
 * hidden units: it makes their part of the product and their gates, and meets the others once a step. This file is
 * compiled once per instruction set (VARIANT names it); dispatch.c chooses. No torch header, no -ffast-math: NaN stays
 * NaN, and denormals are the caller's affair.
 *
 * Letters: T time, B batch, H hidden (a multiple of 16). Arrays are time-major and contiguous. `keep` (T, B) is 0 where
 * the state is zeroed before a step, else 1; NULL is all ones.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "recurrence.h"

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#elif defined(__AVX2__)
#define LANES 8
#define ROWS 4
#else
#define LANES 4
#define ROWS 4
#endif

#define INLINE static inline __attribute__((always_inline))
#define NAME2(name, variant) name##_##variant
#define NAME1(name, variant) NAME2(name, variant)
#define NAME(name) NAME1(name, VARIANT)

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf_at __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const vf_at *)p; }
INLINE void store(float *p, vf x) { *(vf_at *)p = x; }
INLINE vf splat(float x) { return x - (vf){0}; }

/* Lane by lane: a where the mask is set, else b. */
INLINE vf choose_(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

/* exp by 2^n · p(r), |r| ≤ ln 2 / 2, p the Taylor polynomial of degree 6: relative error below 3e-7. */
INLINE vf exp_(vf x) {
    x = choose_(x < splat(-87.0f), splat(-87.0f), x); /* comparisons with NaN are false, so NaN passes through */
    x = choose_(x > splat(87.0f), splat(87.0f), x);
    const vf magic = splat(12582912.0f); /* 1.5 · 2^23: adding it rounds to an integer */
    vf n = (x * splat(1.44269504f) + magic) - magic;
    vf r = x - n * splat(0.693359375f) + n * splat(2.12194440e-4f);
    vf p = splat(1.38888889e-3f);
    p = p * r + splat(8.33333333e-3f);
    p = p * r + splat(4.16666667e-2f);
    p = p * r + splat(1.66666667e-1f);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    vi scale = (__builtin_convertvector(n, vi) + 127) << 23;
    return p * (vf)scale;
}

INLINE vf sigmoid(vf x) { return splat(1.0f) / (splat(1.0f) + exp_(-x)); }
INLINE vf tanh_(vf x) { return splat(1.0f) - splat(2.0f) / (splat(1.0f) + exp_(x + x)); }

/* acc (rows × vectors) += a (rows × inner) · packed w (inner × vectors · LANES). */
INLINE void product(vf *acc, int rows, int vectors, const float *a, long stride, const float *w, long inner) {
    for (long k = 0; k < inner; k++) {
        vf column[4];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) column[v] = load(w + (k * vectors + v) * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vf x = splat(a[r * stride + k]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) acc[r * vectors + v] += x * column[v];
        }
    }
}

/* The units [first, last) of a thread; borders lie on multiples of 16, so that no two threads share a cache line. */
INLINE void share(const struct team *team, long H, long *first, long *last) {
    long blocks = H / 16;
    *first = blocks * team->index / team->size * 16;
    *last = blocks * (team->index + 1) / team->size * 16;
}

/* Weights (gates · H, inner) of units [first, last) for the forward product: block of LANES units, inner, gate, unit. */
static void pack_units(const float *w, float *to, long gates, long H, long inner, long first, long last) {
    for (long unit = first; unit < last; unit += LANES)
        for (long k = 0; k < inner; k++)
            for (long gate = 0; gate < gates; gate++)
                for (long lane = 0; lane < LANES; lane++) *to++ = w[(gate * H + unit + lane) * inner + k];
}

void NAME(pack)(const float *w, float *to, long gates, long H, long inner) { pack_units(w, to, gates, H, inner, 0, H); }

static float *room(long numbers) { return aligned_alloc(64, (size_t)(numbers * 4 + 63) / 64 * 64); }

static float *pack_forward(const float *w, long gates, long H, long first, long last) {
    float *packed = room((last - first) * H * gates + 16);
    pack_units(w, packed, gates, H, H, first, last);
    return packed;
}

/* The same for the backward product, whose inner index runs over all rows; `vectors` blocks of units side by side. */
static float *pack_backward(const float *w, int gates, long H, long first, long last, int vectors) {
    float *packed = room((last - first) * H * gates + 16);
    float *to = packed;
    for (long unit = first; unit < last; unit += vectors * LANES)
        for (long row = 0; row < gates * H; row++) {
            memcpy(to, w + row * H + unit, sizeof(float) * vectors * LANES);
            to += vectors * LANES;
        }
    return packed;
}

/* carry (B, H) = (carry + d (B, inner) · w) · keep, for units [first, last). */
INLINE void carry_rows(int rows, int vectors, long b, long unit, const float *d, const float *w, float *carry,
                       const float *keep, long H, long inner) {
    vf acc[8 * 2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) acc[r * vectors + v] = load(carry + (b + r) * H + unit + v * LANES);
    product(acc, rows, vectors, d + b * inner, inner, w, inner);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store(carry + (b + r) * H + unit + v * LANES, keep ? acc[r * vectors + v] * splat(keep[b + r]) : acc[r * vectors + v]);
}

static void carry_back(const float *d, const float *packed, float *carry, const float *keep, long B, long H, long inner,
                       long first, long last, int vectors) {
    for (long unit = first; unit < last; unit += vectors * LANES) {
        const float *w = packed + (unit - first) * inner;
        long b = 0;
        if (vectors == 2) {
            for (; b + ROWS <= B; b += ROWS) carry_rows(ROWS, 2, b, unit, d, w, carry, keep, H, inner);
            for (; b < B; b++) carry_rows(1, 2, b, unit, d, w, carry, keep, H, inner);
        } else {
            for (; b + ROWS <= B; b += ROWS) carry_rows(ROWS, 1, b, unit, d, w, carry, keep, H, inner);
            for (; b < B; b++) carry_rows(1, 1, b, unit, d, w, carry, keep, H, inner);
        }
    }
}

/* Where a step reads the state from: as it is, or a copy with zeros where `keep` is 0. */
static const float *masked(const float *state, float *copy, const float *keep, long B, long H, struct team *team) {
    if (!keep) return state;
    int zeros = 0;
    for (long b = 0; b < B; b++) zeros |= keep[b] == 0.0f;
    if (!zeros) return state;
    long first, last;
    share(team, H, &first, &last);
    for (long b = 0; b < B; b++)
        for (long u = first; u < last; u++) copy[b * H + u] = state[b * H + u] * keep[b];
    meet(team);
    return copy;
}

/* The forward loop of a cell, made of its rows: all steps for units [first, last) whose weights are packed, and the same
 * packed for one call. */
#define FORWARD(cell, gates, full)                                                                                      \
    static void cell##_steps(const struct recurrence *it, struct team *team, const float *packed, long first, long last) { \
        const long B = it->B, H = it->H;                                                                                \
        for (long t = 0; t < it->T; t++) {                                                                              \
            const float *state = masked(it->output + t * B * H, it->scratch, it->keep ? it->keep + t * B : NULL, B, H, team); \
            for (long unit = first; unit < last; unit += LANES) {                                                       \
                const float *w = packed + (unit - first) * H * gates;                                                   \
                long b = 0;                                                                                             \
                for (; b + full <= B; b += full) cell##_rows(full, it, t, b, unit, state, w);                           \
                for (; b < B; b++) cell##_rows(1, it, t, b, unit, state, w);                                            \
            }                                                                                                           \
            meet(team);                                                                                                 \
        }                                                                                                               \
    }                                                                                                                   \
    void NAME(cell##_forward)(const void *what, struct team *team) {                                                    \
        const struct recurrence *it = what;                                                                             \
        long first, last;                                                                                               \
        share(team, it->H, &first, &last);                                                                              \
        float *packed = pack_forward(it->weight, gates, it->H, first, last);                                            \
        cell##_steps(it, team, packed, first, last);                                                                    \
        free(packed);                                                                                                   \
    }

/* ---- GRU: r, z = σ(x + W h + b); n = tanh(x_n + r · (W_n h + b_n)); h' = n + z (h − n) ---- */

INLINE void gru_rows(int rows, const struct recurrence *it, long t, long b, long unit, const float *h, const float *w) {
    const long B = it->B, H = it->H;
    vf acc[ROWS * 3];
    vf bias[3];
    for (int gate = 0; gate < 3; gate++) bias[gate] = load(it->bias + gate * H + unit);
    for (int r = 0; r < rows; r++)
        for (int gate = 0; gate < 3; gate++) acc[r * 3 + gate] = bias[gate];
    product(acc, rows, 3, h + b * H, H, w, H);
    for (int r = 0; r < rows; r++) {
        const float *x = it->projected + ((t * B + b + r) * 3) * H + unit;
        vf reset = sigmoid(acc[r * 3] + load(x));
        vf z = sigmoid(acc[r * 3 + 1] + load(x + H));
        vf n = tanh_(load(x + 2 * H) + reset * acc[r * 3 + 2]);
        store(it->output + ((t + 1) * B + b + r) * H + unit, n + z * (load(h + (b + r) * H + unit) - n));
        if (it->saved) {
            float *saved = it->saved + ((t * B + b + r) * 4) * H + unit;
            store(saved, reset);
            store(saved + H, z);
            store(saved + 2 * H, n);
            store(saved + 3 * H, acc[r * 3 + 2]);
        }
    }
}

FORWARD(gru, 3, ROWS)

void NAME(gru_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const long B = it->B, H = it->H;
    const vf one = splat(1.0f);
    long first, last;
    share(team, H, &first, &last);
    int vectors = (last - first) % (2 * LANES) ? 1 : 2;
    float *packed = pack_backward(it->weight, 3, H, first, last, vectors);
    for (long t = it->T - 1; t >= 0; t--) {
        const float *keep = it->keep ? it->keep + t * B : NULL;
        for (long b = 0; b < B; b++) {
            const float *saved = it->saved + ((t * B + b) * 4) * H;
            const float *before = it->output + (t * B + b) * H;
            float *dx = it->grad_projected + ((t * B + b) * 3) * H;
            float *dh = it->grad_recurrent + ((t * B + b) * 3) * H;
            vf kept = splat(keep ? keep[b] : 1.0f);
            for (long u = first; u < last; u += LANES) {
                vf r = load(saved + u), z = load(saved + H + u), n = load(saved + 2 * H + u), hn = load(saved + 3 * H + u);
                vf d = load(it->grad_output + (t * B + b) * H + u) + load(it->carry + b * H + u);
                vf dn = d * (one - z) * (one - n * n);
                vf dz = d * (load(before + u) * kept - n) * z * (one - z);
                vf dr = dn * hn * r * (one - r);
                store(it->carry + b * H + u, d * z);
                store(dx + u, dr);
                store(dx + H + u, dz);
                store(dx + 2 * H + u, dn);
                store(dh + u, dr);
                store(dh + H + u, dz);
                store(dh + 2 * H + u, dn * r);
            }
        }
        meet(team);
        carry_back(it->grad_recurrent + t * B * 3 * H, packed, it->carry, keep, B, H, 3 * H, first, last, vectors);
    }
    free(packed);
}

/* ---- LSTM: i, f, o = σ(x + W a + b), g = tanh(…); c' = f c + i g; a' = o tanh(c') ---- */

#define LSTM_ROWS (ROWS / 2)

INLINE void lstm_rows(int rows, const struct recurrence *it, long t, long b, long unit, const float *a, const float *w) {
    const long B = it->B, H = it->H;
    vf acc[LSTM_ROWS * 4];
    vf bias[4];
    for (int gate = 0; gate < 4; gate++) bias[gate] = load(it->bias + gate * H + unit);
    for (int r = 0; r < rows; r++)
        for (int gate = 0; gate < 4; gate++) acc[r * 4 + gate] = bias[gate];
    product(acc, rows, 4, a + b * H, H, w, H);
    for (int r = 0; r < rows; r++) {
        const long row = t * B + b + r;
        const float *x = it->projected + row * 4 * H + unit;
        vf kept = splat(it->keep ? it->keep[row] : 1.0f);
        vf i = sigmoid(acc[r * 4] + load(x)), f = sigmoid(acc[r * 4 + 1] + load(x + H));
        vf g = tanh_(acc[r * 4 + 2] + load(x + 2 * H)), o = sigmoid(acc[r * 4 + 3] + load(x + 3 * H));
        vf c = f * load(it->memory + row * H + unit) * kept + i * g;
        vf squashed = tanh_(c);
        store(it->memory + (row + B) * H + unit, c);
        store(it->output + (row + B) * H + unit, o * squashed);
        if (it->saved) {
            float *saved = it->saved + row * 5 * H + unit;
            store(saved, i);
            store(saved + H, f);
            store(saved + 2 * H, g);
            store(saved + 3 * H, o);
            store(saved + 4 * H, squashed);
        }
    }
}

FORWARD(lstm, 4, LSTM_ROWS)

void NAME(lstm_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const long B = it->B, H = it->H;
    const vf one = splat(1.0f);
    long first, last;
    share(team, H, &first, &last);
    int vectors = (last - first) % (2 * LANES) ? 1 : 2;
    float *packed = pack_backward(it->weight, 4, H, first, last, vectors);
    for (long t = it->T - 1; t >= 0; t--) {
        const float *keep = it->keep ? it->keep + t * B : NULL;
        for (long b = 0; b < B; b++) {
            const long row = t * B + b;
            const float *saved = it->saved + row * 5 * H;
            float *dx = it->grad_projected + row * 4 * H;
            vf kept = splat(keep ? keep[b] : 1.0f);
            for (long u = first; u < last; u += LANES) {
                vf i = load(saved + u), f = load(saved + H + u), g = load(saved + 2 * H + u), o = load(saved + 3 * H + u);
                vf squashed = load(saved + 4 * H + u);
                vf da = load(it->grad_output + row * H + u) + load(it->carry + b * H + u);
                vf dc = load(it->carry_memory + b * H + u) + da * o * (one - squashed * squashed);
                vf before = load(it->memory + row * H + u) * kept;
                store(it->carry_memory + b * H + u, dc * f * kept);
                store(it->carry + b * H + u, (vf){0});
                store(dx + u, dc * g * i * (one - i));
                store(dx + H + u, dc * before * f * (one - f));
                store(dx + 2 * H + u, dc * i * (one - g * g));
                store(dx + 3 * H + u, da * squashed * o * (one - o));
            }
        }
        meet(team);
        carry_back(it->grad_projected + t * B * 4 * H, packed, it->carry, keep, B, H, 4 * H, first, last, vectors);
    }
    free(packed);
}

/* ---- Elman: h' = g(x + W h + b), g = tanh, relu, sigmoid or identity ---- */

INLINE vf activate(int activation, vf x) {
    if (activation == 0) return tanh_(x);
    if (activation == 1) return choose_(x < (vf){0}, (vf){0}, x);
    if (activation == 2) return sigmoid(x);
    return x;
}

/* The derivative from the output, as all four allow. */
INLINE vf slope(int activation, vf h) {
    if (activation == 0) return splat(1.0f) - h * h;
    if (activation == 1) return choose_(h > (vf){0}, splat(1.0f), (vf){0});
    if (activation == 2) return h * (splat(1.0f) - h);
    return splat(1.0f);
}

INLINE void rnn_rows(int rows, const struct recurrence *it, long t, long b, long unit, const float *h, const float *w) {
    const long B = it->B, H = it->H;
    vf acc[ROWS];
    for (int r = 0; r < rows; r++) acc[r] = load(it->bias + unit);
    product(acc, rows, 1, h + b * H, H, w, H);
    for (int r = 0; r < rows; r++) {
        const long row = t * B + b + r;
        store(it->output + (row + B) * H + unit, activate(it->activation, acc[r] + load(it->projected + row * H + unit)));
    }
}

FORWARD(rnn, 1, ROWS)

void NAME(rnn_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const long B = it->B, H = it->H;
    long first, last;
    share(team, H, &first, &last);
    int vectors = (last - first) % (2 * LANES) ? 1 : 2;
    float *packed = pack_backward(it->weight, 1, H, first, last, vectors);
    for (long t = it->T - 1; t >= 0; t--) {
        for (long b = 0; b < B; b++) {
            const long row = t * B + b;
            for (long u = first; u < last; u += LANES) {
                vf d = load(it->grad_output + row * H + u) + load(it->carry + b * H + u);
                store(it->carry + b * H + u, (vf){0});
                store(it->grad_projected + row * H + u, d * slope(it->activation, load(it->output + (row + B) * H + u)));
            }
        }
        meet(team);
        carry_back(it->grad_projected + t * B * H, packed, it->carry, it->keep ? it->keep + t * B : NULL, B, H, H, first,
                   last, vectors);
    }
    free(packed);
}

/* ---- One step of a whole stack, its weights packed beforehand: what sampling does for every symbol ---- */

/* out (B, gates, H) = a (B, inner) · packed w + bias, for units [first, last). */
INLINE void dense(int gates, const float *a, const float *packed, const float *bias, float *out, long B, long H, long inner,
                  long first, long last) {
    for (long unit = first; unit < last; unit += LANES) {
        const float *w = packed + unit * inner * gates;
        long b = 0;
        while (b < B) {
            vf acc[4 * 4];
            int rows = B - b >= 4 ? 4 : 1;
            for (int r = 0; r < rows; r++)
                for (int gate = 0; gate < gates; gate++) acc[r * gates + gate] = load(bias + gate * H + unit);
            if (rows == 4)
                product(acc, 4, gates, a + b * inner, inner, w, inner);
            else
                product(acc, 1, gates, a + b * inner, inner, w, inner);
            for (int r = 0; r < rows; r++)
                for (int gate = 0; gate < gates; gate++)
                    store(out + ((b + r) * gates + gate) * H + unit, acc[r * gates + gate]);
            b += rows;
        }
    }
}

static void dense_gates(long gates, const float *a, const float *packed, const float *bias, float *out, long B, long H,
                        long inner, long first, long last) {
    if (gates == 1) dense(1, a, packed, bias, out, B, H, inner, first, last);
    if (gates == 3) dense(3, a, packed, bias, out, B, H, inner, first, last);
    if (gates == 4) dense(4, a, packed, bias, out, B, H, inner, first, last);
}

void NAME(stack_step)(const void *what, struct team *team) {
    const struct stack *stack = what;
    const long B = stack->B, H = stack->H, gates = stack->gates, G = gates * H;
    long first, last;
    share(team, H, &first, &last);
    for (long l = 0; l < stack->layers; l++) {
        const struct layer *layer = &stack->layer[l];
        if (l == 0)
            for (long b = 0; b < B; b++)
                for (long gate = 0; gate < gates; gate++)
                    memcpy(stack->projected + b * G + gate * H + first, stack->table + stack->ids[b] * G + gate * H + first,
                           sizeof(float) * (last - first));
        else
            dense_gates(gates, stack->layer[l - 1].state + B * H, layer->packed_ih, layer->bias_ih, stack->projected, B, H, H,
                        first, last);
        struct recurrence it = {.T = 1, .B = B, .H = H, .activation = stack->activation};
        it.projected = stack->projected;
        it.bias = layer->bias_hh;
        it.output = layer->state;
        it.memory = layer->memory;
        const float *packed = layer->packed_hh + first * H * gates;
        if (gates == 3) gru_steps(&it, team, packed, first, last);
        if (gates == 4) lstm_steps(&it, team, packed, first, last);
        if (gates == 1) rnn_steps(&it, team, packed, first, last);
    }
    for (long l = 0; l < stack->layers; l++) { /* what is now the state is the next step's state before */
        const struct layer *layer = &stack->layer[l];
        for (long b = 0; b < B; b++) {
            memcpy(layer->state + b * H + first, layer->state + (B + b) * H + first, sizeof(float) * (last - first));
            if (layer->memory)
                memcpy(layer->memory + b * H + first, layer->memory + (B + b) * H + first, sizeof(float) * (last - first));
        }
    }
    share(team, stack->V, &first, &last);
    dense(1, stack->layer[stack->layers - 1].state + B * H, stack->packed_readout, stack->bias_readout, stack->logits, B,
          stack->V, H, first, last);
}
