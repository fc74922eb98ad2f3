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
        vf before = load_units(it->output + row * H + unit, lanes) * splat(it->keep ? it->keep[row] : 1.0f);
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

#endif
