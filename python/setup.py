"""Puts the program into the wheel, with the libraries that a machine cannot be expected to have.

The program is TIDEMARK_BIN, else the repository's build/release/tidemark, else what ./dev build makes.
Arrow and Parquet come from the pyarrow wheel, of the version that the program was linked with.
"""

import os
import pathlib
import re
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent

# The machine's own: the runtimes of C and C++, which every Linux has, and OpenSSL, which its updates keep safe.
SYSTEM = re.compile(r"(ld-linux|linux-vdso|lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+|ssl|crypto))[-.]")


def find_program():
    named = os.environ.get("TIDEMARK_BIN")
    if named:
        program = pathlib.Path(named).resolve()
        if not program.is_file():
            raise SystemExit(f"TIDEMARK_BIN={named} is not a file")
        return program
    program = REPOSITORY / "build" / "release" / "tidemark"
    if not program.is_file():
        if not (REPOSITORY / "dev").is_file():
            raise SystemExit("there is no tidemark to put into the wheel: set TIDEMARK_BIN to the built program")
        subprocess.run([REPOSITORY / "dev", "build", "tidemark"], check=True)
    return program


def libraries_of(program):
    """Name -> path, of those that are linked, directly or not."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    missing = re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE)
    if missing:
        raise SystemExit(f"{program} lacks {', '.join(missing)}: it does not run here, so it cannot be packed here")
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", listed, re.MULTILINE))
    return {name: pathlib.Path(path) for name, path in found.items() if not SYSTEM.match(name)}


def licence_of(library):
    """What Debian keeps beside a library of its own; it goes where the library goes. None: nobody knows."""
    if not shutil.which("dpkg-query"):
        return None
    owner = subprocess.run(["dpkg-query", "-S", f"*/{library.resolve().name}"], capture_output=True, text=True).stdout
    copyright_file = pathlib.Path("/usr/share/doc", owner.split(":")[0], "copyright")
    return copyright_file if owner and copyright_file.is_file() else None


PROGRAM = find_program()
LIBRARIES = libraries_of(PROGRAM)
FROM_PYARROW = {name for name, path in LIBRARIES.items() if path.parent.name == "pyarrow"}


def dependencies():
    wanted = ["PyYAML>=6"]
    for name in FROM_PYARROW:
        # libarrow.so.2600: major and minor version of Arrow, which its binary interface goes by.
        match = re.fullmatch(r"libarrow\.so\.(\d+)(\d\d)", name)
        if match:
            wanted.append(f"pyarrow=={int(match[1])}.{int(match[2])}.*")
    return wanted


def version():
    printed = subprocess.run([PROGRAM, "version"], check=True, capture_output=True, text=True).stdout
    return printed.split()[1]


class BuildWithProgram(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            return  # the package is used in place; it then needs TIDEMARK_BIN
        folder = pathlib.Path(self.build_lib) / "tidemark"
        for name in ("bin", "lib"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
        # RPATH and not RUNPATH: it holds for what the libraries themselves need, too.
        placed = {folder / "bin" / "tidemark": (PROGRAM, "$ORIGIN/../lib:$ORIGIN/../../pyarrow")}
        for name, path in LIBRARIES.items():
            if name not in FROM_PYARROW:
                licence = licence_of(path)
                if licence is not None:
                    shutil.copy(licence, folder / "lib" / f"{name}.copyright")
                placed[folder / "lib" / name] = (path, "$ORIGIN:$ORIGIN/../../pyarrow")
        for target, (origin, rpath) in placed.items():
            shutil.copy(origin, target)
            target.chmod(0o755)
            subprocess.run(["patchelf", "--force-rpath", "--set-rpath", rpath, target], check=True)


class WithProgram(Distribution):
    def has_ext_modules(self):
        return True  # so that it is installed where pyarrow is


class WheelOfThisMachine(bdist_wheel):
    def get_tag(self):
        # Any Python 3, but this kind of machine.
        return "py3", "none", super().get_tag()[2]


(REPOSITORY / "build" / "python").mkdir(parents=True, exist_ok=True)
setup(
    distclass=WithProgram,
    version=version(),
    install_requires=dependencies(),
    cmdclass={"build_py": BuildWithProgram, "bdist_wheel": WheelOfThisMachine},
)
