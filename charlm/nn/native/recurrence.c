/* The time loops of the recurrent cells on a CPU: one matrix product per step, with the arithmetic of the gates fused to it.
 *
 * A weight matrix is packed once per call, so that the product of a step streams it in order. Each thread owns some
 * hidden units: it computes their part of the product and their gates, and waits for the others once per step.
 * dispatch.c chooses the variant (vectors.h).
 *
 * Letters: T time, B batch, H hidden. Arrays are time-major and contiguous. `keep` (T, B) is 0 where
 * the state is zeroed before a step, else 1; NULL is all ones.
 */
#include "gates.h"

/* Weights (inner, H) of units [first, last) for the backward product: tile, inner, block of the tile, unit. */
static void pack_backward(const float *w, operand *to, int64_t inner, int64_t H, int64_t first, int64_t last) {
    BY_TILES(first, last, {
        const int64_t units = vectors * LANES, used = units - LANES + lanes;
        if (used < units || inner % PAIR) memset(to, 0, sizeof(operand) * even(inner) * units);
        for (int64_t row = 0; row < inner; row++) {
            operand *at = to + row / PAIR * PAIR * units + row % PAIR;
            for (int64_t column = 0; column < used; column++) at[column * PAIR] = operand_of(w[row * H + unit + column]);
        }
        to += even(inner) * units;
    });
}

INLINE void add(float *sum, vf d, int lanes) { store_units(sum, load_units(sum, lanes) + d, lanes); }

/* Store the gradient of W_h h + b. A thread adds to its own units only, so no lock is needed. */
INLINE void recurrent_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d, int lanes) {
    store_operand((operand *)it->grad_recurrent + row * G + at, d, lanes);
    add(it->grad_bias + at, d, lanes);
}

/* Store the gradient of W_x x + b, if it differs from that of W_h h + b or goes to the table. */
INLINE void input_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d, int lanes) {
    if (it->ids) {
        add(it->grad_table + it->ids[row] * G + at, d, lanes);
    } else if (it->grad_projected) {
        store_operand((operand *)it->grad_projected + row * G + at, d, lanes);
    }
}

/* carry (B, H) = (carry + d (B, inner) · w) · keep, for a tile of units. The rows of d lie `stride` apart. */
INLINE void carry_rows(int rows, int vectors, int lanes, int64_t b, int64_t unit, const operand *d, int64_t stride,
                       const operand *w, float *carry, const float *keep, int64_t H, int64_t inner) {
    vf acc[ROWS * TILE];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            acc[r * vectors + v] = load_units(carry + (b + r) * H + unit + v * LANES, v < vectors - 1 ? LANES : lanes);
    product(acc, rows, vectors, d + b * stride, stride, w, vectors * LANES, LANES * PAIR, inner);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store_units(carry + (b + r) * H + unit + v * LANES,
                        keep ? acc[r * vectors + v] * splat(keep[b + r]) : acc[r * vectors + v],
                        v < vectors - 1 ? LANES : lanes);
}

static void carry_back(const operand *d, int64_t stride, const operand *packed, float *carry, const float *keep, int64_t B,
                       int64_t H, int64_t inner, int64_t first, int64_t last) {
    BY_TILES(first, last, {
        const operand *w = packed + (unit - first) * even(inner);
        BY_ROWS(ROWS, B, carry_rows(rows, vectors, lanes, b, unit, d, stride, w, carry, keep, H, inner));
    });
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

/* Define the forward loop of a cell from the statement that computes a step of the units [first, last). */
#define FORWARD(cell, gate_count, ...)                                                                               \
    void NAME(cell##_forward)(const void *what, struct team *team) {                                                 \
        const struct recurrence *it = what;                                                                          \
        const int64_t B = it->B, H = it->H, gates = gate_count;                                                      \
        int64_t first, last;                                                                                         \
        share(team, H, &first, &last);                                                                               \
        operand *packed = (operand *)it->packed + first * even(H) * gates, *states = it->operands;                   \
        pack_units(it->weight, packed, gates, H, H, first, last);                                                    \
        for (int64_t b = 0; b < B; b++)                                                                              \
            BY_UNITS(first, last, put_state(it, b * H + unit, load_units(it->output + b * H + unit, lanes), lanes)); \
        meet(team);                                                                                                  \
        for (int64_t t = 0; t < it->T; t++) {                                                                        \
            const float *keep = it->keep ? it->keep + t * B : NULL;                                                  \
            const operand *state = masked(states + t * B * H, it->scratch, keep, B, H, team);                        \
            __VA_ARGS__;                                                                                             \
            meet(team);                                                                                              \
        }                                                                                                            \
    }

/* Where some rows of a step begin: the arguments of their function. */
#define HERE it, t * B + b, unit, state + b * H, packed + (unit - first) * even(H) * gates

/* What every backward loop prepares: the thread's units, and room for its weights, packed. */
struct way_back {
    int64_t first, last;
    operand *packed;
};

static struct way_back room_back(const struct recurrence *it, int gates, const struct team *team) {
    struct way_back way;
    share(team, it->H, &way.first, &way.last);
    way.packed = (operand *)it->packed + way.first * even(gates * it->H);
    return way;
}

static struct way_back start_back(const struct recurrence *it, int gates, const struct team *team) {
    struct way_back way = room_back(it, gates, team);
    pack_backward(it->weight, way.packed, gates * it->H, it->H, way.first, way.last);
    return way;
}

/* Carry the state's gradient back through the product of step t, after all threads have written grad_recurrent. */
static void step_back(const struct recurrence *it, const struct way_back *way, int gates, int64_t t, struct team *team) {
    const int64_t B = it->B, H = it->H, G = gates * H;
    meet(team);
    carry_back((const operand *)it->grad_recurrent + t * B * G, G, way->packed, it->carry,
               it->keep ? it->keep + t * B : NULL, B, H, G, way->first, way->last);
}

/* ---- GRU ---- */

FORWARD(gru, 3, BY_UNITS(first, last, BY_ROWS(ROWS, B, gru_rows(rows, lanes, HERE))))

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
            BY_UNITS(way.first, way.last, {
                vf r = load_units(saved + unit, lanes), z = load_units(saved + H + unit, lanes);
                vf n = load_units(saved + 2 * H + unit, lanes), hn = load_units(saved + 3 * H + unit, lanes);
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                vf dn = d * (one - z) * (one - n * n);
                vf dz = d * (load_units(it->output + row * H + unit, lanes) * kept - n) * z * (one - z);
                vf dr = dn * hn * r * (one - r);
                store_units(it->carry + b * H + unit, d * z, lanes);
                input_gradient(it, row, 3 * H, unit, dr, lanes);
                input_gradient(it, row, 3 * H, H + unit, dz, lanes);
                input_gradient(it, row, 3 * H, 2 * H + unit, dn, lanes);
                recurrent_gradient(it, row, 3 * H, unit, dr, lanes);
                recurrent_gradient(it, row, 3 * H, H + unit, dz, lanes);
                recurrent_gradient(it, row, 3 * H, 2 * H + unit, dn * r, lanes);
            });
        }
        step_back(it, &way, 3, t, team);
    }
}

/* ---- LSTM ---- */

FORWARD(lstm, 4, BY_UNITS(first, last, BY_ROWS(LSTM_ROWS, B, lstm_rows(rows, lanes, HERE))))

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
            BY_UNITS(way.first, way.last, {
                vf i = load_units(saved + unit, lanes), f = load_units(saved + H + unit, lanes);
                vf g = load_units(saved + 2 * H + unit, lanes), o = load_units(saved + 3 * H + unit, lanes);
                vf squashed = load_units(saved + 4 * H + unit, lanes);
                vf da = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                vf dc = load_units(it->carry_memory + b * H + unit, lanes) + da * o * (one - squashed * squashed);
                vf before = load_units(it->memory + row * H + unit, lanes) * kept;
                store_units(it->carry_memory + b * H + unit, dc * f * kept, lanes);
                store_units(it->carry + b * H + unit, (vf){0}, lanes);
                vf d[4] = {dc * g * i * (one - i), dc * before * f * (one - f), dc * i * (one - g * g),
                           da * squashed * o * (one - o)};
                for (int gate = 0; gate < 4; gate++) {
                    input_gradient(it, row, 4 * H, gate * H + unit, d[gate], lanes);
                    recurrent_gradient(it, row, 4 * H, gate * H + unit, d[gate], lanes);
                }
            });
        }
        step_back(it, &way, 4, t, team);
    }
}

/* ---- Elman ---- */

FORWARD(rnn, 1, BY_TILES(first, last, BY_ROWS(ROWS, B, rnn_tile(rows, vectors, lanes, HERE))))

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
            BY_UNITS(way.first, way.last, {
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                d *= slope(it->activation, load_units(it->output + (row + B) * H + unit, lanes));
                store_units(it->carry + b * H + unit, (vf){0}, lanes);
                input_gradient(it, row, H, unit, d, lanes);
                recurrent_gradient(it, row, H, unit, d, lanes);
            });
        }
        step_back(it, &way, 1, t, team);
    }
}

/* The gradients of h' = h + u (n − h) for that of h': of the argument of u = σ(…), of n, and of h. */
struct moved {
    vf du, dn, dh;
};

INLINE struct moved move_back(vf d, vf u, vf n, vf before) {
    const vf one = splat(1.0f);
    return (struct moved){d * (n - before) * u * (one - u), d * u, d * (one - u)};
}

/* ---- Simplified GRU ---- */

FORWARD(gru_simple, 2, BY_UNITS(first, last, BY_ROWS(ROWS, B, gru_simple_rows(rows, lanes, HERE))))

void NAME(gru_simple_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    const vf one = splat(1.0f);
    struct way_back way = start_back(it, 2, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * 2 * H;
            BY_UNITS(way.first, way.last, {
                vf u = load_units(saved + unit, lanes), n = load_units(saved + H + unit, lanes);
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                struct moved back = move_back(d, u, n, state_before(it, row, unit, lanes));
                vf dn = back.dn * (one - n * n);
                store_units(it->carry + b * H + unit, back.dh, lanes);
                input_gradient(it, row, 2 * H, unit, back.du, lanes);
                input_gradient(it, row, 2 * H, H + unit, dn, lanes);
                recurrent_gradient(it, row, 2 * H, unit, back.du, lanes);
                recurrent_gradient(it, row, 2 * H, H + unit, dn, lanes);
            });
        }
        step_back(it, &way, 2, t, team);
    }
}

/* ---- GRU of Cho et al. ---- */

FORWARD(gru_cho, 3, {
    BY_UNITS(first, last, BY_ROWS(ROWS, B, gru_cho_gate_rows(rows, lanes, HERE)));
    meet(team);
    BY_UNITS(first, last, BY_ROWS(GRU_CHO_ROWS, B, gru_cho_state_rows(rows, lanes, HERE)));
})

/* One way back leads through W_n, whose d are known first, and another through the weights of r and u. */
void NAME(gru_cho_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H, G = 3 * H;
    const vf one = splat(1.0f);
    struct way_back way = room_back(it, 3, team);
    pack_backward(it->weight, way.packed, 2 * H, H, way.first, way.last);
    operand *packed_n = way.packed + (way.last - way.first + LANES - 1) / LANES * LANES * even(2 * H);
    pack_backward(it->weight + 2 * H * H, packed_n, H, H, way.first, way.last);
    float *dgated = it->carry_memory;
    for (int64_t t = it->T - 1; t >= 0; t--) {
        const operand *d_of = (const operand *)it->grad_recurrent + t * B * G;
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * G;
            BY_UNITS(way.first, way.last, {
                vf u = load_units(saved + H + unit, lanes), n = load_units(saved + 2 * H + unit, lanes);
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                struct moved back = move_back(d, u, n, state_before(it, row, unit, lanes));
                vf dn = back.dn * (one - n * n);
                store_units(it->carry + b * H + unit, back.dh, lanes);
                store_units(dgated + b * H + unit, (vf){0}, lanes);
                input_gradient(it, row, G, H + unit, back.du, lanes);
                input_gradient(it, row, G, 2 * H + unit, dn, lanes);
                recurrent_gradient(it, row, G, H + unit, back.du, lanes);
                recurrent_gradient(it, row, G, 2 * H + unit, dn, lanes);
            });
        }
        meet(team);
        carry_back(d_of + 2 * H, G, packed_n, dgated, NULL, B, H, H, way.first, way.last);
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);
            BY_UNITS(way.first, way.last, {
                vf r = load_units(it->saved + row * G + unit, lanes), d = load_units(dgated + b * H + unit, lanes);
                vf dr = d * load_units(it->output + row * H + unit, lanes) * kept * r * (one - r);
                add(it->carry + b * H + unit, d * r, lanes);
                input_gradient(it, row, G, unit, dr, lanes);
                recurrent_gradient(it, row, G, unit, dr, lanes);
            });
        }
        meet(team);
        carry_back(d_of, G, way.packed, it->carry, it->keep ? it->keep + t * B : NULL, B, H, 2 * H, way.first, way.last);
    }
}

/* ---- Cells that are linear in their state ---- */

/* Define the forward loop of a cell from its step: the threads need not wait for each other. */
#define LINEAR_FORWARD(cell)                                                                              \
    void NAME(cell##_forward)(const void *what, struct team *team) {                                      \
        const struct recurrence *it = what;                                                               \
        int64_t first, last;                                                                              \
        share(team, it->H, &first, &last);                                                                \
        for (int64_t row = 0; row < it->T * it->B; row++)                                                 \
            BY_UNITS(first, last, cell##_step(lanes, it, row, unit));                                     \
    }

/* Define the backward loop of a cell of so many gates, of which `saved_count` blocks are saved, from the statement that
 * computes the gradients of the input from `back`. */
#define LINEAR_BACKWARD(cell, gate_count, saved_count, ...)                                                   \
    void NAME(cell##_backward)(const void *what, struct team *team) {                                         \
        const struct recurrence *it = what;                                                                   \
        const int64_t B = it->B, H = it->H, G = gate_count * H;                                               \
        int64_t first, last;                                                                                  \
        share(team, H, &first, &last);                                                                        \
        for (int64_t row = it->T * B - 1; row >= 0; row--) {                                                  \
            const float *saved = it->saved + row * saved_count * H;                                           \
            float *carry = it->carry + row % B * H;                                                           \
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);                                                 \
            BY_UNITS(first, last, {                                                                           \
                vf u = load_units(saved + unit, lanes), n = load_units(saved + H + unit, lanes);              \
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(carry + unit, lanes); \
                struct moved back = move_back(d, u, n, state_before(it, row, unit, lanes));                   \
                store_units(carry + unit, back.dh * kept, lanes);                                             \
                __VA_ARGS__;                                                                                  \
            });                                                                                               \
        }                                                                                                     \
    }

LINEAR_FORWARD(mingru)
LINEAR_BACKWARD(mingru, 2, 2, {
    input_gradient(it, row, G, unit, back.du, lanes);
    input_gradient(it, row, G, H + unit, back.dn, lanes);
})

LINEAR_FORWARD(minlstm)
LINEAR_BACKWARD(minlstm, 3, 4, {
    input_gradient(it, row, G, unit, -back.du * load_units(saved + 2 * H + unit, lanes), lanes);
    input_gradient(it, row, G, H + unit, back.du * load_units(saved + 3 * H + unit, lanes), lanes);
    input_gradient(it, row, G, 2 * H + unit, back.dn, lanes);
})
