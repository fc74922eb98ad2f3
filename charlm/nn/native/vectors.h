/* Vectors of the instruction set that a file is compiled for, and the matrix product of a step.
 *
 * Included by files that are compiled once per variant: VARIANT names the instruction set; with CHARLM_HALF the
 * operands of products are bfloat16 (8 bits of mantissa), summed up in float32. No torch header, no -ffast-math: NaN stays
 * NaN, and the caller decides about denormals.
 */
#ifndef CHARLM_VECTORS_H
#define CHARLM_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "recurrence.h"

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#define TILE 2 /* vectors of units in a product whose units have one gate; ROWS · TILE sums fit into the registers */
#define REGISTERS 32
#elif defined(__AVX2__)
#define LANES 8
#define ROWS 4
#define TILE 3
#define REGISTERS 16
#else
#define LANES 4
#define ROWS 4
#define TILE 3
#define REGISTERS 16
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

/* A block has LANES units. The last block of a width has fewer if the width is not a multiple of LANES: the lanes beyond
 * the width are read as 0 and never written. In full blocks `lanes` is a constant, so these functions are plain ones.
 */
#if defined(__AVX512F__)
INLINE __mmask16 mask_of(int lanes) { return (__mmask16)((1u << lanes) - 1); }
INLINE vf load_part(const float *p, int lanes) { return (vf)_mm512_maskz_loadu_ps(mask_of(lanes), p); }
INLINE void store_part(float *p, vf x, int lanes) { _mm512_mask_storeu_ps(p, mask_of(lanes), (__m512)x); }
#elif defined(__AVX2__)
INLINE __m256i mask_of(int lanes) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vf load_part(const float *p, int lanes) { return (vf)_mm256_maskload_ps(p, mask_of(lanes)); }
INLINE void store_part(float *p, vf x, int lanes) { _mm256_maskstore_ps(p, mask_of(lanes), (__m256)x); }
#else
INLINE vf load_part(const float *p, int lanes) {
    vf x = {0};
    for (int lane = 0; lane < lanes; lane++) x[lane] = p[lane];
    return x;
}
INLINE void store_part(float *p, vf x, int lanes) {
    for (int lane = 0; lane < lanes; lane++) p[lane] = x[lane];
}
#endif
INLINE vf load_units(const float *p, int lanes) { return lanes == LANES ? load(p) : load_part(p, lanes); }
INLINE void store_units(float *p, vf x, int lanes) {
    if (lanes == LANES)
        store(p, x);
    else
        store_part(p, x, lanes);
}

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

/* A factor of a product. The inner index of a packed matrix advances by PAIR, since bfloat16 is multiplied in pairs. */
#ifdef CHARLM_HALF
#define PAIR 2
typedef uint16_t operand;
INLINE void store_operand(operand *p, vf x, int lanes) {
    __m256i half = (__m256i)_mm512_cvtneps_pbh((__m512)x);
    if (lanes == LANES)
        _mm256_storeu_si256((__m256i *)p, half);
    else
        _mm256_mask_storeu_epi16(p, mask_of(lanes), half);
}
INLINE vf load_operand(const operand *p, int lanes) {
    __m256i half = lanes == LANES ? _mm256_loadu_si256((const __m256i *)p) : _mm256_maskz_loadu_epi16(mask_of(lanes), p);
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
}
INLINE operand operand_of(float x) { /* to the nearest, ties to even */
    uint32_t word;
    memcpy(&word, &x, 4);
    return x != x ? 0x7fc0 : (operand)((word + 0x7fff + (word >> 16 & 1)) >> 16);
}
typedef __m512bh factor;
INLINE factor load_factors(const operand *p) { return (factor)_mm512_loadu_ps(p); }
INLINE factor factor_of(const operand *p, int count) {
    int32_t two = 0;
    memcpy(&two, p, sizeof(operand) * count);
    return (factor)_mm512_set1_epi32(two);
}
INLINE vf multiply_add(vf sum, factor x, factor y) { return (vf)_mm512_dpbf16_ps((__m512)sum, x, y); }
#else
#define PAIR 1
typedef float operand;
INLINE void store_operand(operand *p, vf x, int lanes) { store_units(p, x, lanes); }
INLINE vf load_operand(const operand *p, int lanes) { return load_units(p, lanes); }
INLINE operand operand_of(float x) { return x; }
typedef vf factor;
INLINE factor load_factors(const operand *p) { return load(p); }
INLINE factor factor_of(const operand *p, int count) {
    (void)count; /* floats have no pairs */
    return splat(*p);
}
INLINE vf multiply_add(vf sum, factor x, factor y) { return sum + x * y; }
#endif

/* acc (rows × vectors) += a (rows) · w (vectors) for one index of the inner sum of `product`, or a pair of them: PAIR
 * factors a and w, or fewer a at the end of an odd inner width. */
INLINE void product_step(vf *acc, int rows, int vectors, const operand *a, int64_t stride, const operand *w, int64_t apart,
                         int count) {
    factor x[8], column[4];
    if (rows < vectors && rows * vectors + vectors + 1 > REGISTERS) { /* keep the rows in registers, not the columns */
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) x[r] = factor_of(a + r * stride, count);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            column[v] = load_factors(w + v * apart);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) acc[r * vectors + v] = multiply_add(acc[r * vectors + v], x[r], column[v]);
        }
    } else {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) column[v] = load_factors(w + v * apart);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            x[r] = factor_of(a + r * stride, count);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) acc[r * vectors + v] = multiply_add(acc[r * vectors + v], x[r], column[v]);
        }
    }
}

/* acc (rows × vectors) += a (rows × inner) · packed w. Index k of vector v lies at w + k · along + v · apart. */
INLINE void product(vf *acc, int rows, int vectors, const operand *a, int64_t stride, const operand *w, int64_t along,
                    int64_t apart, int64_t inner) {
    int64_t k = 0;
    for (; k + PAIR <= inner; k += PAIR) product_step(acc, rows, vectors, a + k, stride, w + k * along, apart, PAIR);
    if (k < inner) product_step(acc, rows, vectors, a + k, stride, w + k * along, apart, 1);
}

/* acc (rows × gates) = a (rows × inner) · packed w + bias, whose gates lie H apart. */
INLINE void biased_product(vf *acc, int rows, int lanes, int gates, const float *bias, int64_t H, const operand *a,
                           const operand *w, int64_t inner) {
#pragma GCC unroll 4
    for (int gate = 0; gate < gates; gate++) {
        vf start = load_units(bias + gate * H, lanes);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) acc[r * gates + gate] = start;
    }
    product(acc, rows, gates, a, inner, w, gates * LANES, LANES * PAIR, inner);
}

/* Run a statement for the rows b of a batch B, in groups of `full` rows, then the rest: `rows` of them, a constant. */
#define BY_ROWS(full, B, ...)                                               \
    do {                                                                    \
        int64_t b = 0;                                                      \
        for (; b + (full) <= (B); b += (full)) SOME_ROWS((full), __VA_ARGS__) \
        LAST_ROWS(7, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(6, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(5, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(4, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(3, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(2, full, B, __VA_ARGS__)                                  \
        LAST_ROWS(1, full, B, __VA_ARGS__)                                  \
    } while (0)
#define LAST_ROWS(count, full, B, ...) \
    if ((count) < (full) && (B) - b == (count)) SOME_ROWS(count, __VA_ARGS__)
#define SOME_ROWS(count, ...)    \
    {                            \
        const int rows = count;  \
        __VA_ARGS__;             \
    }

/* Run a statement for the units [first, last), in blocks of `lanes` units: LANES, or fewer in the last block. */
#define BY_UNITS(first, last, ...)                        \
    do {                                                  \
        int64_t unit = (first);                           \
        for (; unit + LANES <= (last); unit += LANES) {   \
            const int lanes = LANES;                      \
            __VA_ARGS__;                                  \
        }                                                 \
        if (unit < (last)) {                              \
            const int lanes = (int)((last) - unit);       \
            __VA_ARGS__;                                  \
        }                                                 \
    } while (0)

/* Run a statement for the units [first, last), in tiles of `vectors` blocks; the last block has `lanes` units. No tile has
 * one block if another width can avoid it: 4 blocks are 2 + 2, not 3 + 1. */
#define BY_TILES(first, last, ...)                                                        \
    do {                                                                                  \
        for (int64_t unit = (first), next; unit < (last); unit = next) {                  \
            const int64_t blocks = ((last) - unit + LANES - 1) / LANES;                   \
            const int64_t width = blocks == 4 ? 2 : blocks < TILE ? blocks : TILE;        \
            next = unit + width * LANES;                                                  \
            TILE_OF(3, (last), __VA_ARGS__)                                               \
            TILE_OF(2, (last), __VA_ARGS__)                                               \
            TILE_OF(1, (last), __VA_ARGS__)                                               \
        }                                                                                 \
    } while (0)
#define TILE_OF(count, last, ...)                           \
    if ((count) <= TILE && width == (count)) {              \
        const int vectors = count;                          \
        if (next <= last) {                                 \
            const int lanes = LANES;                        \
            __VA_ARGS__;                                    \
        } else {                                            \
            const int lanes = (int)(LANES - (next - last)); \
            __VA_ARGS__;                                    \
        }                                                   \
    }

/* Compute the units [first, last) of a thread. Borders are multiples of 16, so two threads share no cache line if the
 * width is a multiple of 16 too. */
INLINE void share(const struct team *team, int64_t H, int64_t *first, int64_t *last) {
    int64_t blocks = (H + 15) / 16, end = blocks * (team->index + 1) / team->size * 16;
    *first = blocks * team->index / team->size * 16;
    *last = end < H ? end : H;
}

/* Return the inner width of packed weights, which consist of whole pairs. */
INLINE int64_t even(int64_t inner) { return (inner + PAIR - 1) / PAIR * PAIR; }

/* Weights (gates · H, inner) of units [first, last) as `product` streams them: block of LANES units, inner, gate, unit.
 * The weights that fill up the last block and the last pair are 0. */
INLINE void pack_units(const float *w, operand *to, int64_t gates, int64_t H, int64_t inner, int64_t first, int64_t last) {
    const int64_t block = even(inner) * gates * LANES;
    for (int64_t unit = first; unit < last; unit += LANES, to += block) {
        if (last - unit < LANES || inner % PAIR) memset(to, 0, sizeof(operand) * block);
        for (int64_t gate = 0; gate < gates; gate++)
            for (int64_t lane = 0; lane < LANES && unit + lane < last; lane++) {
                /* row by row: the starts of all rows share a few cache sets */
                const float *row = w + (gate * H + unit + lane) * inner;
                operand *column = to + (gate * LANES + lane) * PAIR;
                int64_t k = 0;
                for (; k + PAIR <= inner; k += PAIR)
                    for (int64_t pair = 0; pair < PAIR; pair++) column[k * gates * LANES + pair] = operand_of(row[k + pair]);
                if (k < inner) column[k * gates * LANES] = operand_of(row[k]);
            }
    }
}

void NAME(guide)(const struct guide *it, int64_t first, int64_t last); /* in guide.c */

#endif
