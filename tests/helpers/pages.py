# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the Python blocks of a page in Markdown, as one program.

    python -m tests.pages PAGE

The blocks share their names. Where a block of the language `text` follows
without a word between them, it is what the Python block has to print; `...`
stands for any text. What the blocks print is printed.
"""

import contextlib
import doctest
import io
import pathlib
import sys
from typing import List

import sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_CHECKER = doctest.OutputChecker()


def blocks(page: pathlib.Path, language: str) -> List[str]:
  """The text of the page's code blocks of one language."""
  texts = []
  parser = CodeBlockParser(
      language, lambda example: texts.append(str(example.parsed))
  )
  for example in sybil.Sybil(parsers=[parser]).parse(page).examples():
    example.evaluate()
  return texts


class _Program:
  """What has run so far."""

  def __init__(self):
    self._evaluate = PythonEvaluator()
    self._printed = ''
    self._end = 0

  def run(self, example):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
      self._evaluate(example)
    self._printed = out.getvalue()
    self._end = example.region.end
    print(self._printed, end='')

  def compare(self, example):
    if example.document.text[self._end : example.region.start].strip():
      return
    want, got = example.parsed, self._printed
    if not _CHECKER.check_output(want, got, _FLAGS):
      shown = doctest.Example('', want)
      raise AssertionError(
          f'{example.path}:{example.line}: '
          + _CHECKER.output_difference(shown, got, _FLAGS)
      )


def run(page: pathlib.Path) -> None:
  """Runs the page.

  Raises:
    AssertionError: a block has not printed what the page says.
  """
  program = _Program()
  document = sybil.Sybil(
      parsers=[
          CodeBlockParser('python', program.run),
          CodeBlockParser('text', program.compare),
      ]
  ).parse(page)
  for example in document.examples():
    example.evaluate()


if __name__ == '__main__':
  run(pathlib.Path(sys.argv[1]))
