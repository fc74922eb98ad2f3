"""Build the compiled loops of charlm/nn and charlm/counts. Without a C compiler charlm runs on torch and numpy."""

import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

TIME_LOOPS, COUNTS = "charlm.nn.native._recurrence", "charlm.counts.native._counts"
WINDOWS = sys.platform == "win32"
NO_CLANG = (
    "charlm: no clang-cl found; installed without the compiled loops, so training runs on plain torch, which is slower"
)
# No -ffast-math: it would delete NaN checks, and older gcc would set flush-to-zero for the whole process.
FLAGS = ["-O3", "-g0", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
if WINDOWS:
    FLAGS = ["/O2", "/clang:-O3", "/clang:-std=gnu11", "/clang:-fno-math-errno", "/clang:-fno-trapping-math"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=512"]
VARIANTS = {"baseline": []}
HALF = {}  # loops whose products take bfloat16 operands
if platform.machine().lower() in ("x86_64", "amd64"):
    VARIANTS |= {"avx2": AVX2, "avx512": AVX512}
    HALF |= {"bf16": [*AVX512, "-mavx512bf16"]}


def clang_cl() -> str | None:
    """Return the path of clang-cl. MSVC's own compiler lacks the vector extensions that the loops are written in."""
    return shutil.which("clang-cl") or shutil.which("clang-cl", path=r"C:\Program Files\LLVM\bin")


class BuildLoops(build_ext):
    """Compile the time loops once for each instruction set, with the table that chooses one, and the counts."""

    def build_extension(self, ext):
        link = {"libraries": ["m"]}
        if WINDOWS:
            self.compiler.initialize()
            self.compiler.cc = clang_cl()
            # Without a path of its own the linker would put the import library into the package.
            library = f"{ext.name.rpartition('_')[2]}.lib"
            link = {"extra_postargs": [f"/IMPLIB:{Path(self.build_temp).resolve() / library}"]}
        objects = self._counts() if ext.name == COUNTS else self._time_loops()
        self.compiler.link_shared_object(objects, self.get_ext_fullpath(ext.name), **link)

    def _counts(self):
        """Compile the counts once for each width of a token in bits."""
        names = [f"charlm/counts/native/{name}" for name in ("sort", "tally", "left_out", "guess", "look_up")]
        return [
            each for bits in (8, 16, 32) for each in self._objects(names, f"tokens{bits}", [("WIDTH", str(bits))], [])
        ]

    def _time_loops(self):
        folder = "charlm/nn/native"
        objects = []
        for variant, flags in VARIANTS.items():
            objects += self._objects(
                [f"{folder}/{name}" for name in ("recurrence", "stack", "guide")],
                variant,
                [("VARIANT", variant)],
                flags,
            )
        macros = [("CHARLM_X86", None)] if len(VARIANTS) > 1 else []
        for variant, flags in HALF.items():
            with suppress(CompileError):  # the compiler is too old to know the instructions
                defined = [("VARIANT", variant), ("CHARLM_HALF", None)]
                objects += self._objects([f"{folder}/recurrence"], variant, defined, flags)
                macros += [("CHARLM_BF16", None)]
        return objects + self._objects([f"{folder}/dispatch"], "", macros, [])

    def _objects(self, names, variant, macros, flags):
        return self.compiler.compile(
            [f"{name}.c" for name in names],
            output_dir=f"{self.build_temp}/{variant}",
            macros=macros,
            extra_postargs=FLAGS + flags,
        )


class AnyPython(bdist_wheel):
    """Name the wheel after the platform alone: ctypes loads the loops, so one wheel serves every version of Python."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


loops = [Extension(name, sources=[], optional=True) for name in (TIME_LOOPS, COUNTS)]
if WINDOWS and not clang_cl():
    print(NO_CLANG, file=sys.stderr)
    loops = []
setup(ext_modules=loops, cmdclass={"build_ext": BuildLoops, "bdist_wheel": AnyPython})
