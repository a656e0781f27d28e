# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The directive `gallery`: the programs of examples/gallery, with pictures.

A program `examples/gallery/NAME.py` says what it shows in the first paragraphs
of its docstring; `docs/images/gallery/NAME.png` is what it draws.
"""

import ast
import pathlib
from typing import List

from docutils import nodes
from docutils import statemachine
import markdown_docstrings
from sphinx import application
from sphinx.util import docutils

_ROOT = pathlib.Path(__file__).resolve().parents[2]

# The order in which the gallery shows them; others come last, by name.
_FIRST = (
    'photograph_colours',
    'handwritten_digits',
    'plane_regions',
    'choosing_k',
    'stream',
)


def programs() -> List[pathlib.Path]:
  """The programs, in the order of the gallery."""
  paths = sorted((_ROOT / 'examples' / 'gallery').glob('[!_]*.py'))
  order = {name: i for i, name in enumerate(_FIRST)}
  return sorted(paths, key=lambda path: order.get(path.stem, len(_FIRST)))


class Gallery(docutils.SphinxDirective):
  """Shows every program: its first paragraph, its picture, how to run it."""

  def run(self):
    sections = []
    for path in programs():
      self.env.note_dependency(str(path))
      title = path.stem.replace('_', ' ').capitalize()
      section = nodes.section(ids=[nodes.make_id(path.stem)])
      section += nodes.title(title, title)
      text = ast.get_docstring(ast.parse(path.read_text('utf-8'))) or ''
      # The summary of a docstring, and the paragraph that explains it.
      lines = [
          *'\n\n'.join(text.split('\n\n')[:2]).split('\n'),
          '',
          f'.. image:: /images/gallery/{path.stem}.png',
          f'   :alt: What {path.name} draws.',
          '',
          '.. code-block:: sh',
          '',
          f'   python examples/gallery/{path.name}',
          '',
      ]
      self.state.nested_parse(
          statemachine.StringList(
              markdown_docstrings.to_restructured_text(lines), source=str(path)
          ),
          0,
          section,
      )
      sections.append(section)
    return sections


def setup(app: application.Sphinx):
  app.add_directive('gallery', Gallery)
  return {'parallel_read_safe': True}
