# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs benchmarks; writes a table (Markdown) and plots (PNG).

    python -m benchmarks [CASE ...]

The contenders are this package ("ours"), the KMeans of TensorFlow
("reference"), scikit-learn and faiss. In each round of a case, every contender
does the same work in turn, in one process. The result is the ratio of each
contender's time to ours within a round. CASE is the name of a case, or the
beginning of a name, such as `lloyd` or `lloyd/50k`. Without CASE all cases run,
which takes about an hour on two cores.
"""

import argparse
import os

# The libraries read these variables when they are imported. TensorFlow's
# start-up messages would hide the results. TensorFlow must not use a GPU,
# because the other libraries use no GPU. Waiting OpenMP threads of one library
# must not spin: they would slow down the next contender.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

# pylint: disable=g-import-not-at-top
from benchmarks import cases
from benchmarks import memory
from benchmarks import plots
from benchmarks import table
from benchmarks import timing


def main() -> None:
  parser = argparse.ArgumentParser(
      prog='python -m benchmarks',
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
      'cases', nargs='*', metavar='CASE', help='beginning of a case name'
  )
  parser.add_argument(
      '--list', action='store_true', help='print the names of the cases'
  )
  parser.add_argument(
      '--rounds', type=int, default=7, help='rounds per case (%(default)s)'
  )
  parser.add_argument(
      '--seconds',
      type=float,
      default=120,
      help='start no new round of a case after this time, but run at least '
      'three rounds (%(default)s)',
  )
  parser.add_argument(
      '--output',
      default=os.path.join('benchmarks', 'results'),
      help='folder for the table and the plots (%(default)s)',
  )
  parser.add_argument(
      '--no-memory',
      action='store_true',
      help='measure only time; peak memory needs a new process per contender',
  )
  args = parser.parse_args()
  try:
    chosen = cases.matching(args.cases)
  except ValueError as e:
    parser.error(str(e))
  if args.list:
    print('\n'.join(chosen))
    return

  os.makedirs(args.output, exist_ok=True)
  results = {}
  for name, make in chosen.items():
    print(name, flush=True)
    contenders = make()
    measured = timing.measure(contenders, args.rounds, args.seconds)
    results[name] = {
        who: table.Result(
            measured[who],
            None
            if args.no_memory
            else memory.extra_mb(name, who, contender.run),
            contender.facts(),
        )
        for who, contender in contenders.items()
    }
    print(table.rows(name, results[name]), flush=True)
    # Write after each case, so that an interrupted run leaves its results.
    table.write(results, os.path.join(args.output, 'benchmarks.md'))
    plots.write(results, args.output)
  print('wrote', args.output)


if __name__ == '__main__':
  main()
