"""Builds the compiled time loops of charlm/native; without a C compiler charlm installs all the same, and is slower."""

import platform
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No -ffast-math: it would delete NaN checks, and with older gcc set flush-to-zero for the whole process.
FLAGS = ["-O3", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=512"]
VARIANTS = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    VARIANTS |= {"avx2": AVX2, "avx512": AVX512}


class BuildLoops(build_ext):
    """Compiles recurrence.c once for each instruction set, and the table that chooses one."""

    def build_extension(self, ext):
        folder = "charlm/native"
        objects = []
        for variant, flags in VARIANTS.items():
            objects += self.compiler.compile(
                [f"{folder}/recurrence.c"],
                output_dir=f"{self.build_temp}/{variant}",
                macros=[("VARIANT", variant)],
                extra_postargs=FLAGS + flags,
            )
        x86 = [("CHARLM_X86", None)] if len(VARIANTS) > 1 else []
        objects += self.compiler.compile(
            [f"{folder}/dispatch.c"], output_dir=self.build_temp, macros=x86, extra_postargs=FLAGS
        )
        self.compiler.link_shared_object(objects, self.get_ext_fullpath(ext.name))


setup(
    ext_modules=[Extension("charlm.native._recurrence", sources=[], optional=True)] if sys.platform != "win32" else [],
    cmdclass={"build_ext": BuildLoops},
)
