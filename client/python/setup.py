"""The extension module, against the libtarn that pkg-config finds (PKG_CONFIG_PATH for one that is elsewhere)."""

import os
import shlex
import subprocess
import sys
from glob import glob

from setuptools import Extension, setup


def pkg_config(*what):
    tool = os.environ.get("PKG_CONFIG", "pkg-config")
    try:
        return shlex.split(subprocess.run([tool, *what, "tarn"], check=True, capture_output=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError) as e:
        sys.exit(f"libtarn was not found: {getattr(e, 'stderr', '') or e}\n"
                 "Install libtarn-dev, or set PKG_CONFIG_PATH to the folder of tarn.pc.")


# A wheel may be asked for by what has no compiler (sdist): then libtarn is not looked for.
building = any(c.startswith(("build", "bdist", "develop", "install", "editable")) for c in sys.argv[1:])
setup(
    ext_modules=[
        Extension(
            "tarn._native",
            sources=sorted(glob("src/*.c")),
            depends=["src/native.h"],
            extra_compile_args=["-std=c17", "-fvisibility=hidden", *(pkg_config("--cflags") if building else [])],
            extra_link_args=pkg_config("--libs") if building else [],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
