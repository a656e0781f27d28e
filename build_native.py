# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds the library of native ops for CPUs.

`setup.py` builds the library when the package is installed. For work on the
sources, `python build_native.py` builds it in place. The sanitizer builds of
`tests/native` compile the same objects with different options.

The environment variables CXX, CXXFLAGS (if unset, CFLAGS) and LDFLAGS have
their usual meaning.
"""

import concurrent.futures
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile
from typing import List, NamedTuple, Sequence, Tuple

_ROOT = pathlib.Path(__file__).parent.resolve()
SOURCES = _ROOT / 'kmeans_estimator' / 'ops' / 'native'
LIBRARY = SOURCES / '_kernels.so'

_OPTIONS = (
    '-std=c++17',
    '-O3',
    '-fPIC',
    # Not -ffast-math: the kernels test for NaN and correct sums as Kahan does.
    '-fno-math-errno',
    # The sized operator delete is missing in manylinux2014's libstdc++.
    '-fno-sized-deallocation',
)


class BuildError(Exception):
  """No compiler works for this machine, or the compiler failed."""


class Object(NamedTuple):
  """A source file and its compiler options.

  Attributes:
    source: the file's name in `SOURCES`.
    options: compiler options, in addition to the options of all objects.
  """

  source: str
  options: Tuple[str, ...] = ()


def kernels(
    target: str, name: str, vector_bytes: int, *machine_options: str
) -> Object:
  """Describes the kernels for one instruction set.

  Args:
    target: the table in `kernels.h` that the object defines.
    name: the name of the instruction set that users see.
    vector_bytes: the size of a vector.
    *machine_options: compiler options that enable the instruction set.

  Returns:
    The object.
  """
  return Object(
      'kernels.cc',
      (
          *machine_options,
          f'-DKERNELS_TARGET={target}',
          f'-DKERNELS_NAME="{name}"',
          f'-DKERNELS_VECTOR_BYTES={vector_bytes}',
      ),
  )


AVX2 = ('-mavx2', '-mfma')
AVX512_KERNELS = kernels(
    'kAvx512',
    'AVX-512',
    64,
    *('-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma'),
)
_ARM_KERNELS = (kernels('kBaseline', 'NEON', 16),)
# The keys are the first part of the output of `$CXX -dumpmachine`.
_KERNELS = {
    'x86_64': (
        kernels('kBaseline', 'SSE2', 16),
        kernels('kAvx2', 'AVX2', 32, *AVX2),
        AVX512_KERNELS,
    ),
    'aarch64': _ARM_KERNELS,
    'arm64': _ARM_KERNELS,
}


def objects(machine: str) -> Tuple[Object, ...]:
  """Lists the objects of the library for a machine; see `machine_of`."""
  if machine not in _KERNELS:
    raise BuildError(
        f'The native ops can be built for {", ".join(sorted(_KERNELS))}, but '
        f'the compiler generates code for {machine}.'
    )
  return (Object('ops.cc'), *_KERNELS[machine])


def compiler_command() -> List[str]:
  """Returns the C++ compiler in the environment variable CXX, or `c++`."""
  command = shlex.split(os.environ.get('CXX', '')) or ['c++']
  if sys.platform == 'darwin':
    # Under Rosetta the compiler's default is not the interpreter's
    # architecture.
    command += ['-arch', platform.machine()]
  return command


def machine_of(compiler: Sequence[str]) -> str:
  """Returns the target machine of a compiler, for example `x86_64`."""
  return run([*compiler, '-dumpmachine']).partition('-')[0].strip()


def run(command: Sequence[str]) -> str:
  """Runs a program.

  Args:
    command: the program and its arguments.

  Returns:
    The program's output to stdout and stderr.

  Raises:
    BuildError: the program cannot be run, or failed.
  """
  try:
    return subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding='utf-8',
        errors='replace',
    ).stdout
  except OSError as error:
    raise BuildError(f'{command[0]} cannot be run: {error}') from error
  except subprocess.CalledProcessError as error:
    raise BuildError(
        f'This command failed with status {error.returncode}:\n'
        f'{shlex.join(command)}\n{error.stdout}'
    ) from error


def compile_all(
    compiler: Sequence[str],
    objects: Sequence[Object],
    options: Sequence[str],
    folder: pathlib.Path,
) -> List[str]:
  """Compiles objects in parallel, one per processor.

  Args:
    compiler: the compiler's command.
    objects: the objects to compile. Sources may be absolute paths.
    options: options for all objects.
    folder: the folder of the object files.

  Returns:
    The paths of the object files.
  """
  paths = [str(folder / f'{i}.o') for i in range(len(objects))]

  def compile_one(item, path):
    run([
        *compiler,
        *_OPTIONS,
        f'-I{SOURCES}',
        *options,
        *item.options,
        '-c',
        str(SOURCES / item.source),
        '-o',
        path,
    ])

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(compile_one, objects, paths))
  return paths


def build(library: pathlib.Path = LIBRARY) -> None:
  """Builds the library and replaces an existing one.

  Args:
    library: the path of the library.

  Raises:
    BuildError: no C++ compiler works for this machine, or the compiler failed.
  """
  if not sys.platform.startswith(('linux', 'darwin')):
    raise BuildError(
        'The native ops can be built on Linux and macOS, not on '
        f'{sys.platform}.'
    )
  compiler = compiler_command()
  environment = os.environ
  options = shlex.split(
      environment.get('CXXFLAGS', environment.get('CFLAGS', ''))
  )
  # The dynamic linker finds TensorFlow's functions when the library is loaded.
  link_options = (
      ['-Wl,-undefined,dynamic_lookup']
      if sys.platform == 'darwin'
      # Bind symbols inside the library: TensorFlow's instances of C++ templates
      # must not replace those of the library.
      else ['-Wl,-Bsymbolic']
  )
  library.parent.mkdir(parents=True, exist_ok=True)
  # The folder is next to the library, so that one rename replaces it.
  with tempfile.TemporaryDirectory(dir=library.parent, prefix='.build-') as f:
    folder = pathlib.Path(f)
    files = compile_all(
        compiler, objects(machine_of(compiler)), options, folder
    )
    linked = folder / library.name
    run([
        *compiler,
        *options,
        '-shared',
        *files,
        *link_options,
        *shlex.split(environment.get('LDFLAGS', '')),
        '-o',
        str(linked),
    ])
    linked.replace(library)


if __name__ == '__main__':
  try:
    build()
  except BuildError as e:
    sys.exit(str(e))
