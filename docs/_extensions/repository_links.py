# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lets pages link to Markdown files of the repository that are no pages.

`[text](../CONTRIBUTING.md)` works where the repository is browsed. MyST looks
for a page of this name, unless the link says that it means a file to download.
"""

import pathlib
import re

from sphinx import application

_LINK = re.compile(r'(?<=\]\()(\.\./[^)#]+\.md)(?=\))')


def _mark_files(app, docname, content):
  pages = pathlib.Path(app.srcdir).resolve()
  folder = pathlib.Path(app.env.doc2path(docname)).resolve().parent

  def mark(match):
    is_page = (folder / match[1]).resolve().is_relative_to(pages)
    return match[1] if is_page else f'path:{match[1]}'

  content[0] = _LINK.sub(mark, content[0])


def setup(app: application.Sphinx):
  app.connect('source-read', _mark_files)
  return {'parallel_read_safe': True}
