"""Build the compiled time loops of charlm/nn/native. Without a C compiler charlm runs on plain torch."""

import platform
import sys
from contextlib import suppress

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

# No -ffast-math: it would delete NaN checks, and with older gcc set flush-to-zero for the whole process.
FLAGS = ["-O3", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=512"]
VARIANTS = {"baseline": []}
HALF = {}  # whose operands of products are bfloat16: the time loops alone
if platform.machine().lower() in ("x86_64", "amd64"):
    VARIANTS |= {"avx2": AVX2, "avx512": AVX512}
    HALF |= {"bf16": [*AVX512, "-mavx512bf16"]}


class BuildLoops(build_ext):
    """Compiles the loops once for each instruction set, and the table that chooses one."""

    def build_extension(self, ext):
        objects = []
        for variant, flags in VARIANTS.items():
            objects += self._objects(["recurrence", "stack"], variant, [("VARIANT", variant)], flags)
        macros = [("CHARLM_X86", None)] if len(VARIANTS) > 1 else []
        for variant, flags in HALF.items():
            with suppress(CompileError):  # of a compiler too old to know the instructions
                objects += self._objects(["recurrence"], variant, [("VARIANT", variant), ("CHARLM_HALF", None)], flags)
                macros += [("CHARLM_BF16", None)]
        objects += self._objects(["dispatch"], "", macros, [])
        self.compiler.link_shared_object(objects, self.get_ext_fullpath(ext.name), libraries=["m"])

    def _objects(self, names, variant, macros, flags):
        return self.compiler.compile(
            [f"charlm/nn/native/{name}.c" for name in names],
            output_dir=f"{self.build_temp}/{variant}",
            macros=macros,
            extra_postargs=FLAGS + flags,
        )


setup(
    ext_modules=[]
    if sys.platform == "win32"
    else [Extension("charlm.nn.native._recurrence", sources=[], optional=True)],
    cmdclass={"build_ext": BuildLoops},
)
