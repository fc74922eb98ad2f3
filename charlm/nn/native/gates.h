/* Forward steps of the cells for some rows of the batch and one block of units: the product with the state, the gates, and
 * the next state. `row` is t · B + b; `w` holds the weights of these units, packed.
 */
#ifndef CHARLM_GATES_H
#define CHARLM_GATES_H

#include "vectors.h"

/* Return W_x x + b of one row, from an array or a table. */
INLINE vf input(const struct recurrence *it, int64_t row, int64_t G, int64_t at, int lanes) {
    if (it->ids) return load_units(it->table + it->ids[row] * G + at, lanes);
    return load_operand((const operand *)it->projected + row * G + at, lanes);
}

/* Return the state before a step; zeros where it is zeroed. */
INLINE vf state_before(const struct recurrence *it, int64_t row, int64_t unit, int lanes) {
    return load_units(it->output + row * it->H + unit, lanes) * splat(it->keep ? it->keep[row] : 1.0f);
}

/* Store the state after a step where the next step and backward read it. */
INLINE void put_state(const struct recurrence *it, int64_t at, vf h, int lanes) {
    store_units(it->output + at, h, lanes);
#ifdef CHARLM_HALF
    store_operand((operand *)it->operands + at, h, lanes);
#endif
}

/* ---- GRU: r, z = σ(x + W h + b); n = tanh(x_n + r · (W_n h + b_n)); h' = n + z (h − n) ---- */

INLINE void gru_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit, const operand *state,
                     const operand *w) {
    const int64_t B = it->B, H = it->H;
    vf acc[ROWS * 3];
    biased_product(acc, rows, lanes, 3, it->bias + unit, H, state, w, H);
    for (int r = 0; r < rows; r++, row++) {
        vf before = state_before(it, row, unit, lanes);
        vf reset = sigmoid(acc[r * 3] + input(it, row, 3 * H, unit, lanes));
        vf z = sigmoid(acc[r * 3 + 1] + input(it, row, 3 * H, H + unit, lanes));
        vf n = tanh_(input(it, row, 3 * H, 2 * H + unit, lanes) + reset * acc[r * 3 + 2]);
        put_state(it, (row + B) * H + unit, n + z * (before - n), lanes);
        if (it->saved) {
            float *saved = it->saved + row * 4 * H + unit;
            store_units(saved, reset, lanes);
            store_units(saved + H, z, lanes);
            store_units(saved + 2 * H, n, lanes);
            store_units(saved + 3 * H, acc[r * 3 + 2], lanes);
        }
    }
}

/* ---- LSTM: i, f, o = σ(x + W a + b), g = tanh(…); c' = f c + i g; a' = o tanh(c') ---- */

#define LSTM_ROWS (LANES == 8 ? 3 : ROWS / 2) /* sums of four gates fill the registers with fewer rows */

INLINE void lstm_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit, const operand *state,
                      const operand *w) {
    const int64_t B = it->B, H = it->H;
    vf acc[LSTM_ROWS * 4];
    vf bias[4]; /* biased_product would spill so many sums to memory: a third slower */
    for (int gate = 0; gate < 4; gate++) bias[gate] = load_units(it->bias + gate * H + unit, lanes);
    for (int r = 0; r < rows; r++)
        for (int gate = 0; gate < 4; gate++) acc[r * 4 + gate] = bias[gate];
    product(acc, rows, 4, state, H, w, 4 * LANES, LANES * PAIR, H);
    for (int r = 0; r < rows; r++, row++) {
        vf x[4];
        for (int gate = 0; gate < 4; gate++) x[gate] = acc[r * 4 + gate] + input(it, row, 4 * H, gate * H + unit, lanes);
        vf kept = splat(it->keep ? it->keep[row] : 1.0f);
        vf i = sigmoid(x[0]), f = sigmoid(x[1]), g = tanh_(x[2]), o = sigmoid(x[3]);
        vf c = f * load_units(it->memory + row * H + unit, lanes) * kept + i * g;
        vf squashed = tanh_(c);
        store_units(it->memory + (row + B) * H + unit, c, lanes);
        put_state(it, (row + B) * H + unit, o * squashed, lanes);
        if (it->saved) {
            float *saved = it->saved + row * 5 * H + unit;
            store_units(saved, i, lanes);
            store_units(saved + H, f, lanes);
            store_units(saved + 2 * H, g, lanes);
            store_units(saved + 3 * H, o, lanes);
            store_units(saved + 4 * H, squashed, lanes);
        }
    }
}

/* ---- Elman: h' = g(x + W h + b), g = tanh, relu, sigmoid or identity ---- */

INLINE vf activate(int activation, vf x) {
    if (activation == 0) return tanh_(x);
    if (activation == 1) return choose_(x < (vf){0}, (vf){0}, x);
    if (activation == 2) return sigmoid(x);
    return x;
}

INLINE void rnn_tile(int rows, int vectors, int lanes, const struct recurrence *it, int64_t row, int64_t unit,
                     const operand *state, const operand *w) {
    const int64_t B = it->B, H = it->H;
    vf acc[ROWS * TILE];
    for (int v = 0; v < vectors; v++) {
        vf start = load_units(it->bias + unit + v * LANES, v < vectors - 1 ? LANES : lanes);
        for (int r = 0; r < rows; r++) acc[r * vectors + v] = start;
    }
    product(acc, rows, vectors, state, H, w, LANES, even(H) * LANES, H);
    for (int r = 0; r < rows; r++, row++)
        for (int v = 0; v < vectors; v++) {
            const int64_t at = unit + v * LANES, used = v < vectors - 1 ? LANES : lanes;
            vf x = acc[r * vectors + v] + input(it, row, H, at, used);
            put_state(it, (row + B) * H + at, activate(it->activation, x), used);
        }
}

INLINE void rnn_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit, const operand *state,
                     const operand *w) {
    rnn_tile(rows, 1, lanes, it, row, unit, state, w);
}

/* ---- Simplified GRU: u = σ(x + W h + b), n = tanh(…); h' = h + u (n − h) ---- */

INLINE void gru_simple_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit,
                            const operand *state, const operand *w) {
    const int64_t B = it->B, H = it->H;
    vf acc[ROWS * 2];
    biased_product(acc, rows, lanes, 2, it->bias + unit, H, state, w, H);
    for (int r = 0; r < rows; r++, row++) {
        vf before = state_before(it, row, unit, lanes);
        vf u = sigmoid(acc[r * 2] + input(it, row, 2 * H, unit, lanes));
        vf n = tanh_(acc[r * 2 + 1] + input(it, row, 2 * H, H + unit, lanes));
        put_state(it, (row + B) * H + unit, before + u * (n - before), lanes);
        if (it->saved) {
            store_units(it->saved + row * 2 * H + unit, u, lanes);
            store_units(it->saved + (row * 2 + 1) * H + unit, n, lanes);
        }
    }
}

/* ---- GRU of Cho et al.: r, u = σ(x + W h + b); n = tanh(x_n + W_n (r · h) + b_n); h' = h + u (n − h) ----
 * Every thread has to write its part of r · h, `gated`, before the second product. */

INLINE operand *gated_of(const struct recurrence *it, int64_t row) {
    return (operand *)it->gated + (it->saved ? row : row % it->B) * it->H;
}

INLINE void gru_cho_gate_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit,
                              const operand *state, const operand *w) {
    const int64_t B = it->B, H = it->H;
    vf acc[ROWS * 2];
    for (int r = 0; r < rows; r++)
        for (int gate = 0; gate < 2; gate++) acc[r * 2 + gate] = load_units(it->bias + gate * H + unit, lanes);
    product(acc, rows, 2, state, H, w, 3 * LANES, LANES * PAIR, H);
    for (int r = 0; r < rows; r++, row++) {
        vf before = state_before(it, row, unit, lanes);
        vf reset = sigmoid(acc[r * 2] + input(it, row, 3 * H, unit, lanes));
        store_operand(gated_of(it, row) + unit, reset * before, lanes);
        /* Until the state after this step is known, u has its place. */
        store_units(it->output + (row + B) * H + unit, sigmoid(acc[r * 2 + 1] + input(it, row, 3 * H, H + unit, lanes)), lanes);
        if (it->saved) store_units(it->saved + row * 3 * H + unit, reset, lanes);
    }
}

#define GRU_CHO_ROWS 8 /* one sum for each row: fewer rows would wait for each other's sums */

INLINE void gru_cho_state_rows(int rows, int lanes, const struct recurrence *it, int64_t row, int64_t unit,
                               const operand *state, const operand *w) {
    const int64_t B = it->B, H = it->H;
    (void)state; /* gru_cho_gate_rows has read it */
    vf acc[GRU_CHO_ROWS];
    for (int r = 0; r < rows; r++) acc[r] = load_units(it->bias + 2 * H + unit, lanes);
    product(acc, rows, 1, gated_of(it, row), H, w + 2 * LANES * PAIR, 3 * LANES, LANES * PAIR, H);
    for (int r = 0; r < rows; r++, row++) {
        vf before = state_before(it, row, unit, lanes);
        vf u = load_units(it->output + (row + B) * H + unit, lanes);
        vf n = tanh_(acc[r] + input(it, row, 3 * H, 2 * H + unit, lanes));
        put_state(it, (row + B) * H + unit, before + u * (n - before), lanes);
        if (it->saved) {
            store_units(it->saved + (row * 3 + 1) * H + unit, u, lanes);
            store_units(it->saved + (row * 3 + 2) * H + unit, n, lanes);
        }
    }
}

/* ---- Cells that are linear in their state, without a product: h' = h + u (n − h), where x gives u and n ---- */

/* minGRU: u = σ(x), n = x_n */
INLINE void mingru_step(int lanes, const struct recurrence *it, int64_t row, int64_t unit) {
    const int64_t B = it->B, H = it->H;
    vf before = state_before(it, row, unit, lanes);
    vf u = sigmoid(input(it, row, 2 * H, unit, lanes)), n = input(it, row, 2 * H, H + unit, lanes);
    store_units(it->output + (row + B) * H + unit, before + u * (n - before), lanes);
    if (it->saved) {
        store_units(it->saved + row * 2 * H + unit, u, lanes);
        store_units(it->saved + (row * 2 + 1) * H + unit, n, lanes);
    }
}

/* minLSTM: u = i / (f + i) with f, i = σ(x), n = x_n */
INLINE void minlstm_step(int lanes, const struct recurrence *it, int64_t row, int64_t unit) {
    const int64_t B = it->B, H = it->H;
    vf before = state_before(it, row, unit, lanes);
    vf f = input(it, row, 3 * H, unit, lanes), i = input(it, row, 3 * H, H + unit, lanes);
    vf n = input(it, row, 3 * H, 2 * H + unit, lanes);
    /* 1 / f = 1 + exp(−f), 1 / i = 1 + exp(−i), and both divided by the largest of their terms, exp(m) */
    vf m = choose_(f < i, -f, -i);
    m = choose_(m < (vf){0}, (vf){0}, m);
    vf one = exp_(-m), not_f = exp_(-f - m), not_i = exp_(-i - m);
    vf by_f = one + not_f, by_i = one + not_i, u = by_f / (by_f + by_i);
    store_units(it->output + (row + B) * H + unit, before + u * (n - before), lanes);
    if (it->saved) {
        float *saved = it->saved + row * 4 * H + unit;
        store_units(saved, u, lanes);
        store_units(saved + H, n, lanes);
        store_units(saved + 2 * H, not_f / by_f, lanes); /* 1 − f */
        store_units(saved + 3 * H, not_i / by_i, lanes);
    }
}

#endif
