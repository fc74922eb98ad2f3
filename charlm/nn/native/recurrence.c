/* The time loops of the recurrent cells on a CPU: one matrix product per step, with the arithmetic of the gates fused to it.
 *
 * A weight matrix is packed once per call, so that the product of a step streams it in order. Each thread owns some
 * hidden units: it computes their part of the product and their gates, and waits for the others once per step.
 * dispatch.c chooses the variant (vectors.h).
 *
 * Letters: T time, B batch, H hidden (a multiple of 16). Arrays are time-major and contiguous. `keep` (T, B) is 0 where
 * the state is zeroed before a step, else 1; NULL is all ones.
 */
#include "gates.h"

/* Weights (gates · H, H) of units [first, last) for the backward product, whose inner index runs over all rows;
 * `vectors` blocks of units are interleaved. */
static void pack_backward(const float *w, operand *to, int gates, int64_t H, int64_t first, int64_t last, int vectors) {
    for (int64_t unit = first; unit < last; unit += vectors * LANES)
        for (int64_t row = 0; row < gates * H; row += PAIR)
            for (int64_t lane = 0; lane < vectors * LANES; lane++)
                for (int64_t pair = 0; pair < PAIR; pair++) *to++ = operand_of(w[(row + pair) * H + unit + lane]);
}

INLINE void add(float *sum, vf d) { store(sum, load(sum) + d); }

/* Store the gradient of W_h h + b. A thread adds to its own units only, so no lock is needed. */
INLINE void recurrent_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d) {
    store_operand((operand *)it->grad_recurrent + row * G + at, d);
    add(it->grad_bias + at, d);
}

/* Store the gradient of W_x x + b, if it differs from that of W_h h + b or goes to the table. */
INLINE void input_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d) {
    if (it->ids) {
        add(it->grad_table + it->ids[row] * G + at, d);
    } else if (it->grad_projected) {
        store_operand((operand *)it->grad_projected + row * G + at, d);
    }
}

/* carry (B, H) = (carry + d (B, inner) · w) · keep, for units [first, last). */
INLINE void carry_rows(int rows, int vectors, int64_t b, int64_t unit, const operand *d, const operand *w, float *carry,
                       const float *keep, int64_t H, int64_t inner) {
    vf acc[8 * 2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) acc[r * vectors + v] = load(carry + (b + r) * H + unit + v * LANES);
    product(acc, rows, vectors, d + b * inner, inner, w, inner);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store(carry + (b + r) * H + unit + v * LANES, keep ? acc[r * vectors + v] * splat(keep[b + r]) : acc[r * vectors + v]);
}

static void carry_back(const operand *d, const operand *packed, float *carry, const float *keep, int64_t B, int64_t H,
                       int64_t inner, int64_t first, int64_t last, int vectors) {
    for (int64_t unit = first; unit < last; unit += vectors * LANES) {
        const operand *w = packed + (unit - first) * inner;
        int64_t b = 0;
        if (vectors == 2) {
            for (; b + ROWS <= B; b += ROWS) carry_rows(ROWS, 2, b, unit, d, w, carry, keep, H, inner);
            for (; b < B; b++) carry_rows(1, 2, b, unit, d, w, carry, keep, H, inner);
        } else {
            for (; b + ROWS <= B; b += ROWS) carry_rows(ROWS, 1, b, unit, d, w, carry, keep, H, inner);
            for (; b < B; b++) carry_rows(1, 1, b, unit, d, w, carry, keep, H, inner);
        }
    }
}

/* Return the state that a step reads: the state itself, or a copy with zeros where `keep` is 0. */
static const operand *masked(const operand *state, operand *copy, const float *keep, int64_t B, int64_t H,
                             struct team *team) {
    if (!keep) return state;
    int zeros = 0;
    for (int64_t b = 0; b < B; b++) zeros |= keep[b] == 0.0f;
    if (!zeros) return state;
    int64_t first, last;
    share(team, H, &first, &last);
    for (int64_t b = 0; b < B; b++)
        for (int64_t u = first; u < last; u++) copy[b * H + u] = keep[b] == 0.0f ? 0 : state[b * H + u];
    meet(team);
    return copy;
}

/* Define the forward loop of a cell from its row function. */
#define FORWARD(cell, gates, full)                                                                                \
    void NAME(cell##_forward)(const void *what, struct team *team) {                                              \
        const struct recurrence *it = what;                                                                       \
        const int64_t B = it->B, H = it->H;                                                                       \
        int64_t first, last;                                                                                      \
        share(team, H, &first, &last);                                                                            \
        operand *packed = (operand *)it->packed + first * H * gates, *states = it->operands;                      \
        pack_units(it->weight, packed, gates, H, H, first, last);                                                 \
        for (int64_t b = 0; b < B; b++)                                                                           \
            for (int64_t u = first; u < last; u += LANES) put_state(it, b * H + u, load(it->output + b * H + u)); \
        meet(team);                                                                                               \
        for (int64_t t = 0; t < it->T; t++) {                                                                     \
            const float *keep = it->keep ? it->keep + t * B : NULL;                                               \
            const operand *state = masked(states + t * B * H, it->scratch, keep, B, H, team);                     \
            for (int64_t unit = first; unit < last; unit += LANES) {                                              \
                const operand *w = packed + (unit - first) * H * gates;                                           \
                int64_t b = 0;                                                                                    \
                for (; b + full <= B; b += full) cell##_rows(full, it, t * B + b, unit, state + b * H, w);        \
                for (; b < B; b++) cell##_rows(1, it, t * B + b, unit, state + b * H, w);                         \
            }                                                                                                     \
            meet(team);                                                                                           \
        }                                                                                                         \
    }

/* The preparation of every backward loop: the thread's units, and its weights, packed. */
struct way_back {
    int64_t first, last;
    int vectors;
    operand *packed;
};

static struct way_back start_back(const struct recurrence *it, int gates, const struct team *team) {
    struct way_back way;
    share(team, it->H, &way.first, &way.last);
    way.vectors = (way.last - way.first) % (2 * LANES) ? 1 : 2;
    way.packed = (operand *)it->packed + way.first * it->H * gates;
    pack_backward(it->weight, way.packed, gates, it->H, way.first, way.last, way.vectors);
    return way;
}

/* Carry the state's gradient back through the product of step t, after all threads have written grad_recurrent. */
static void step_back(const struct recurrence *it, const struct way_back *way, int gates, int64_t t, struct team *team) {
    const int64_t B = it->B, H = it->H, G = gates * H;
    meet(team);
    carry_back((const operand *)it->grad_recurrent + t * B * G, way->packed, it->carry, it->keep ? it->keep + t * B : NULL,
               B, H, G, way->first, way->last, way->vectors);
}

/* ---- GRU ---- */

FORWARD(gru, 3, ROWS)

void NAME(gru_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    const vf one = splat(1.0f);
    struct way_back way = start_back(it, 3, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * 4 * H;
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);
            for (int64_t u = way.first; u < way.last; u += LANES) {
                vf r = load(saved + u), z = load(saved + H + u), n = load(saved + 2 * H + u), hn = load(saved + 3 * H + u);
                vf d = load(it->grad_output + row * H + u) + load(it->carry + b * H + u);
                vf dn = d * (one - z) * (one - n * n);
                vf dz = d * (load(it->output + row * H + u) * kept - n) * z * (one - z);
                vf dr = dn * hn * r * (one - r);
                store(it->carry + b * H + u, d * z);
                input_gradient(it, row, 3 * H, u, dr);
                input_gradient(it, row, 3 * H, H + u, dz);
                input_gradient(it, row, 3 * H, 2 * H + u, dn);
                recurrent_gradient(it, row, 3 * H, u, dr);
                recurrent_gradient(it, row, 3 * H, H + u, dz);
                recurrent_gradient(it, row, 3 * H, 2 * H + u, dn * r);
            }
        }
        step_back(it, &way, 3, t, team);
    }
}

/* ---- LSTM ---- */

FORWARD(lstm, 4, LSTM_ROWS)

void NAME(lstm_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    const vf one = splat(1.0f);
    struct way_back way = start_back(it, 4, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * 5 * H;
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);
            for (int64_t u = way.first; u < way.last; u += LANES) {
                vf i = load(saved + u), f = load(saved + H + u), g = load(saved + 2 * H + u), o = load(saved + 3 * H + u);
                vf squashed = load(saved + 4 * H + u);
                vf da = load(it->grad_output + row * H + u) + load(it->carry + b * H + u);
                vf dc = load(it->carry_memory + b * H + u) + da * o * (one - squashed * squashed);
                vf before = load(it->memory + row * H + u) * kept;
                store(it->carry_memory + b * H + u, dc * f * kept);
                store(it->carry + b * H + u, (vf){0});
                vf d[4] = {dc * g * i * (one - i), dc * before * f * (one - f), dc * i * (one - g * g),
                           da * squashed * o * (one - o)};
                for (int gate = 0; gate < 4; gate++) {
                    input_gradient(it, row, 4 * H, gate * H + u, d[gate]);
                    recurrent_gradient(it, row, 4 * H, gate * H + u, d[gate]);
                }
            }
        }
        step_back(it, &way, 4, t, team);
    }
}

/* ---- Elman ---- */

FORWARD(rnn, 1, ROWS)

/* Return the derivative of the activation, computed from its output. */
INLINE vf slope(int activation, vf h) {
    if (activation == 0) return splat(1.0f) - h * h;
    if (activation == 1) return choose_(h > (vf){0}, splat(1.0f), (vf){0});
    if (activation == 2) return h * (splat(1.0f) - h);
    return splat(1.0f);
}

void NAME(rnn_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    struct way_back way = start_back(it, 1, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            for (int64_t u = way.first; u < way.last; u += LANES) {
                vf d = load(it->grad_output + row * H + u) + load(it->carry + b * H + u);
                d *= slope(it->activation, load(it->output + (row + B) * H + u));
                store(it->carry + b * H + u, (vf){0});
                input_gradient(it, row, H, u, d);
                recurrent_gradient(it, row, H, u, d);
            }
        }
        step_back(it, &way, 1, t, team);
    }
}
