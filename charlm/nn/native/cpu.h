/* The instruction sets that the processor has and the operating system saves, read from CPUID itself: the builtins of
 * gcc and clang for it need a runtime library that Windows does not have.
 */
#ifndef CHARLM_CPU_H
#define CHARLM_CPU_H

#include <cpuid.h>

enum { HAS_AVX2 = 1, HAS_AVX512 = 2, HAS_BF16 = 4 };

static int has_bits(unsigned word, unsigned bits) { return (word & bits) == bits; }

/* A sum of HAS_AVX2 (with FMA), HAS_AVX512 (F, DQ, BW and VL) and HAS_BF16. */
static int cpu_features(void) {
    enum { FMA = 1u << 12, OSXSAVE = 1u << 27, AVX2 = 1u << 5, BF16 = 1u << 5 };
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned ymm = 0x6, zmm = 0xe6;                              /* registers whose contents are saved */
    unsigned a, b, c, d, most, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_bits(c, FMA | OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if (!has_bits(saved, ymm) || !__get_cpuid_count(7, 0, &most, &b, &c, &d) || !has_bits(b, AVX2)) return 0;
    if (!has_bits(saved, zmm) || !has_bits(b, avx512)) return HAS_AVX2;
    if (most < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !has_bits(a, BF16)) return HAS_AVX2 | HAS_AVX512;
    return HAS_AVX2 | HAS_AVX512 | HAS_BF16;
}

#endif
