# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lets autodoc read the package's docstrings.

Their sections (Args, Returns) are Google's, which napoleon reads, and the text
in them is Markdown, which this module turns into reStructuredText.
"""

import re
from typing import Iterator, List

from sphinx import application

_FENCE = re.compile(r'( *)```(\w*)$')
_ITEM = re.compile(r'( *)(?:\*|-|\d+\.) ')
_CODE = re.compile(r'(?<!`)`([^`]+)`(?!`)(\w?)')
_NAME = re.compile(r'[A-Za-z_][\w.]*$')


def to_restructured_text(lines: List[str]) -> List[str]:
  """Converts the Markdown that docstrings use: code, fences and lists.

  Args:
    lines: of a docstring, without common indentation.

  Returns:
    The same text for docutils. Code that is a name refers to what has the name
    in the documentation, if anything does.
  """
  text = '\n'.join(_with_blank_lines_around_lists(_without_fences(lines)))
  return _CODE.sub(_role, text).split('\n')


def _without_fences(lines) -> Iterator[str]:
  indent = None  # Of the fence that is open.
  for line in lines:
    fence = _FENCE.match(line)
    if fence and indent is None:
      indent = fence[1]
      yield from (f'{indent}.. code-block:: {fence[2] or "text"}', '')
    elif fence:
      indent = None
      yield ''
    else:
      yield line if indent is None or not line else f'  {line}'


def _with_blank_lines_around_lists(lines) -> Iterator[str]:
  indent = None  # Of the list that is open.
  for line in lines:
    item = _ITEM.match(line)
    depth = len(line) - len(line.lstrip())
    if item and indent is None:
      indent = depth
      yield ''
    elif line and not item and indent is not None and depth <= indent:
      indent = None
      yield ''
    yield line


def _role(match) -> str:
  code, following = match.groups()
  # A role ends before a space or a punctuation mark.
  end = f'\\ {following}' if following else ''
  if _NAME.match(code):
    return f':py:obj:`{code}`{end}'
  return f'``{code}``{end}'


def _process(app, what, name, obj, options, lines):
  del app, what, name, obj, options
  lines[:] = to_restructured_text(lines)


def _skip(app, what, name, obj, skip, options):
  """Leaves out what a class inherits from TensorFlow, which documents it."""
  del app, what, name, options
  module = getattr(getattr(obj, 'fget', obj), '__module__', None) or ''
  return skip or module.startswith(('tensorflow', 'keras'))


def setup(app: application.Sphinx):
  app.setup_extension('sphinx.ext.autodoc')
  # Before napoleon, whose priority is 500.
  app.connect('autodoc-process-docstring', _process, priority=400)
  app.connect('autodoc-skip-member', _skip)
  return {'parallel_read_safe': True}
