# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks the C++ code under sanitizers, without TensorFlow.

  python -m tests.native.sanitize                 # the compiler is $CXX or c++
  python -m tests.native.sanitize --sanitizers= --runner='valgrind -q ...'
  CXX=aarch64-linux-gnu-g++ python -m tests.native.sanitize \\
      --sanitizers=undefined --runner='qemu-aarch64 -L /usr/aarch64-linux-gnu'

Builds `check_kernels.cc` with the library's objects and a stand-in for
TensorFlow, and runs it for each instruction set of the machine. A second
program has the same kernels with longer vectors than the machine has. So the
code for AVX-512 vectors also runs on machines without AVX-512.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
from typing import Iterator, List, NamedTuple, Sequence, Tuple

import build_native

_HERE = pathlib.Path(__file__).parent.resolve()
NOT_ON_THIS_MACHINE = 77
WARNINGS = ('-Wall', '-Wextra', '-Werror')
_ENVIRONMENT = {
    # The checks request too much memory, to see that kernels report this error.
    # Without a limit, AddressSanitizer would really allocate 16 GiB, and 2 GiB
    # more for its own use.
    'ASAN_OPTIONS': 'allocator_may_return_null=1:max_allocation_size_mb=1024',
    'UBSAN_OPTIONS': 'print_stacktrace=1',
}


class Program(NamedTuple):
  """A program to build.

  Attributes:
    name: describes how the program differs from the other one.
    objects: the objects of the library.
  """

  name: str
  objects: Sequence[build_native.Object]


def programs(machine: str) -> List[Program]:
  """Lists the programs to check on a machine."""
  objects = build_native.objects(machine)
  # GCC would note that other compilers pass long vectors differently.
  option = '-Wno-psabi'
  if machine == 'x86_64':
    long = (
        build_native.kernels('kBaseline', 'SSE2, 64 bytes', 64, option),
        build_native.kernels(
            'kAvx2', 'AVX2, 64 bytes', 64, option, *build_native.AVX2
        ),
        build_native.AVX512_KERNELS,
    )
  else:
    long = (build_native.kernels('kBaseline', 'NEON, 64 bytes', 64, option),)
  return [
      Program('as built', objects),
      Program('long vectors', (build_native.Object('ops.cc'), *long)),
  ]


def build(
    several: Sequence[Program],
    compiler: Sequence[str],
    sanitizers: str,
    folder: pathlib.Path,
    optimization: str = '-O1',
) -> List[str]:
  """Builds programs; returns their paths.

  Args:
    several: the programs.
    compiler: the compiler's command.
    sanitizers: argument of the compiler's `-fsanitize`, separated by commas.
    folder: the folder of the built files.
    optimization: option for sanitized code. It compiles four times as fast with
      -O1 as with -O3, and again three times as fast with -O0.

  Raises:
    build_native.BuildError: the compiler failed or gave a warning.
  """
  # Line numbers are enough for stack traces; -g compiles more slowly.
  options = ['-g1', *WARNINGS]
  link_options = []
  if sanitizers:
    link_options = [
        optimization,
        f'-fsanitize={sanitizers}',
        '-fno-sanitize-recover=all',
        '-fno-omit-frame-pointer',
    ]
  # The code of the checks needs no sanitizers, and compiles faster without.
  unchecked = ('-Og', '-fno-sanitize=all', f'-I{_HERE}')
  checks = [
      build_native.Object(str(_HERE / name), unchecked)
      for name in ('check_kernels.cc', 'fake_tensorflow.cc')
  ]
  # Programs share the objects that they have in common.
  objects = dict.fromkeys(
      [*checks, *(each for one in several for each in one.objects)]
  )
  files = dict(
      zip(
          objects,
          build_native.compile_all(
              compiler, objects, [*options, *link_options], folder
          ),
      )
  )
  paths = []
  for number, program in enumerate(several):
    paths.append(str(folder / f'check_kernels_{number}'))
    build_native.run([
        *(*compiler, *link_options),
        *(files[each] for each in (*checks, *program.objects)),
        *('-o', paths[-1]),
    ])
  return paths


def run(
    path: str, runner: Sequence[str], cases: int, seed: int
) -> Iterator[Tuple[str, int, str]]:
  """Runs a program for each of its instruction sets.

  Args:
    path: the program.
    runner: a command that runs the program; empty: run it directly.
    cases: the number of batches to check for each float type.
    seed: the seed of the random batches.

  Yields:
    The instruction set, the exit status, and the output.
  """
  names = subprocess.run(
      [*runner, path], check=True, capture_output=True, text=True
  ).stdout.splitlines()
  for name in names:
    process = subprocess.run(
        [*runner, path, name, str(cases), str(seed)],
        env={**_ENVIRONMENT, **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding='utf-8',
        errors='replace',
        check=False,
    )
    yield name, process.returncode, process.stdout


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--cases', type=int, default=2000)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--sanitizers', default='address,undefined')
  parser.add_argument('--runner', type=shlex.split, default=[])
  arguments = parser.parse_args()
  compiler = build_native.compiler_command()
  failed = False
  several = programs(build_native.machine_of(compiler))
  with tempfile.TemporaryDirectory() as folder:
    paths = build(
        several, compiler, arguments.sanitizers, pathlib.Path(folder)
    )
    for program, path in zip(several, paths):
      for name, status, output in run(
          path, arguments.runner, arguments.cases, arguments.seed
      ):
        if status == NOT_ON_THIS_MACHINE:
          result = 'not on this machine'
        elif status:
          failed = True
          result = f'failed with status {status}\n{output}'
        else:
          result = 'passed'
        print(f'{program.name}: {name}: {result}', flush=True)
  return int(failed)


if __name__ == '__main__':
  sys.exit(main())
