/* What a network makes of the guesses of counts, as guidance.py computes it: h (1 + S v) + F v, with S E[w] and F E[w] of
 * each token w in a table.
 *
 * A thread owns some units, so no two threads add to the same gradient.
 */
#include "vectors.h"

/* Write the guided outputs of all rows, for units [first, last). */
void NAME(guide)(const struct guide *it, int64_t first, int64_t last) {
    const int64_t H = it->H;
    for (int64_t n = 0; n < it->N; n++) {
        const int64_t *token = it->tokens + n * GUESSES;
        const float *chance = it->chances + n * GUESSES;
        BY_UNITS(first, last, {
            vf h = load_units(it->outputs + n * it->stride + unit, lanes), scale = h, shift = {0};
            for (int g = 0; g < GUESSES; g++) {
                const float *row = it->table + token[g] * 2 * H + unit;
                scale += chance[g] * load_units(row, lanes) * h;
                shift += chance[g] * load_units(row + H, lanes);
            }
            store_units(it->guided + n * H + unit, scale + shift, lanes);
        });
    }
}

void NAME(guide_forward)(const void *what, struct team *team) {
    const struct guide *it = what;
    int64_t first, last;
    share(team, it->H, &first, &last);
    NAME(guide)(it, first, last);
}

/* Compute the gradient of the outputs, and add that of the table to `grad_table`. The guesses of a row differ, or have a
 * probability of 0. All loads come before the stores: rows of the table often have equal addresses modulo 4,096, where a
 * processor takes a load for one of what was just stored. */
void NAME(guide_backward)(const void *what, struct team *team) {
    const struct guide *it = what;
    const int64_t H = it->H;
    int64_t first, last;
    share(team, H, &first, &last);
    for (int64_t n = 0; n < it->N; n++) {
        const int64_t *token = it->tokens + n * GUESSES;
        const float *chance = it->chances + n * GUESSES;
        BY_UNITS(first, last, {
            vf h = load_units(it->outputs + n * it->stride + unit, lanes);
            vf gradient = load_units(it->grad_guided + n * H + unit, lanes), result = gradient;
            vf of_scale[GUESSES], of_shift[GUESSES];
            for (int g = 0; g < GUESSES; g++) {
                int64_t at = token[g] * 2 * H + unit;
                result += chance[g] * load_units(it->table + at, lanes) * gradient;
                of_scale[g] = load_units(it->grad_table + at, lanes) + chance[g] * h * gradient;
                of_shift[g] = load_units(it->grad_table + at + H, lanes) + chance[g] * gradient;
            }
            for (int g = 0; g < GUESSES; g++) {
                int64_t at = token[g] * 2 * H + unit;
                store_units(it->grad_table + at, of_scale[g], lanes);
                store_units(it->grad_table + at + H, of_shift[g], lanes);
            }
            store_units(it->grad_outputs + n * H + unit, result, lanes);
        });
    }
}
