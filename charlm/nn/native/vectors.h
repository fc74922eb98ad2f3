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

/* A factor of a product. The inner index of a packed matrix advances by PAIR, since bfloat16 is multiplied in pairs. */
#ifdef CHARLM_HALF
#include <immintrin.h>
#define PAIR 2
typedef uint16_t operand;
INLINE void store_operand(operand *p, vf x) { _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)x)); }
INLINE vf load_operand(const operand *p) {
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16);
}
INLINE operand operand_of(float x) { /* to the nearest, ties to even */
    uint32_t word;
    memcpy(&word, &x, 4);
    return x != x ? 0x7fc0 : (operand)((word + 0x7fff + (word >> 16 & 1)) >> 16);
}
#else
#define PAIR 1
typedef float operand;
INLINE void store_operand(operand *p, vf x) { store(p, x); }
INLINE vf load_operand(const operand *p) { return load(p); }
INLINE operand operand_of(float x) { return x; }
#endif

/* acc (rows × vectors) += a (rows × inner) · packed w (inner × vectors · LANES). */
INLINE void product(vf *acc, int rows, int vectors, const operand *a, int64_t stride, const operand *w, int64_t inner) {
    for (int64_t k = 0; k < inner; k += PAIR) {
        vf column[4];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) column[v] = load((const float *)(w + (k * vectors + v * PAIR) * LANES));
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
#ifdef CHARLM_HALF
            int32_t two;
            memcpy(&two, a + r * stride + k, 4);
            __m512bh x = (__m512bh)_mm512_set1_epi32(two);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                acc[r * vectors + v] = (vf)_mm512_dpbf16_ps((__m512)acc[r * vectors + v], x, (__m512bh)column[v]);
#else
            vf x = splat(a[r * stride + k]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) acc[r * vectors + v] += x * column[v];
#endif
        }
    }
}

/* acc (rows × gates) = a (rows × inner) · packed w + bias, whose gates lie H apart. */
INLINE void biased_product(vf *acc, int rows, int gates, const float *bias, int64_t H, const operand *a, const operand *w,
                           int64_t inner) {
#pragma GCC unroll 4
    for (int gate = 0; gate < gates; gate++) {
        vf start = load(bias + gate * H);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) acc[r * gates + gate] = start;
    }
    product(acc, rows, gates, a, inner, w, inner);
}

/* Compute the units [first, last) of a thread. Borders are multiples of 16, so that two threads never share a cache line. */
INLINE void share(const struct team *team, int64_t H, int64_t *first, int64_t *last) {
    int64_t blocks = H / 16;
    *first = blocks * team->index / team->size * 16;
    *last = blocks * (team->index + 1) / team->size * 16;
}

/* Weights (gates · H, inner) of units [first, last) as `product` streams them: block of LANES units, inner, gate, unit. */
INLINE void pack_units(const float *w, operand *to, int64_t gates, int64_t H, int64_t inner, int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; unit += LANES, to += inner * gates * LANES)
        for (int64_t gate = 0; gate < gates; gate++)
            for (int64_t lane = 0; lane < LANES; lane++) { /* row by row: the starts of all rows share a few cache sets */
                const float *row = w + (gate * H + unit + lane) * inner;
                operand *column = to + (gate * LANES + lane) * PAIR;
                for (int64_t k = 0; k < inner; k += PAIR)
                    for (int64_t pair = 0; pair < PAIR; pair++) column[k * gates * LANES + pair] = operand_of(row[k + pair]);
            }
}

#endif
