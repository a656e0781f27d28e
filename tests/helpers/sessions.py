# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sessions that several tests use one after the other.

Building a training graph takes up to 0.4 seconds of CPU time, and its first run
0.1 seconds. A test that needs the graph of an earlier test borrows a session of
it, with all variables at their initial values.
"""

import collections
from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)
import weakref

import numpy as np
import tensorflow as tf

from tests.helpers import implementations

# The largest number of graphs that are kept.
_MAX_GRAPHS = 150


class Built(NamedTuple):
  """A graph, and the sessions of it that nobody has borrowed.

  Attributes:
    graph: the graph.
    parts: what the function that built the graph returned.
    initializer: the op that sets all variables to their initial values.
    idle: the sessions.
  """

  graph: tf.Graph
  parts: Any
  initializer: tf.Operation
  idle: List[tf.compat.v1.Session]


_graphs: Dict[Hashable, Built] = collections.OrderedDict()


def session_config(**kwargs: Any) -> tf.compat.v1.ConfigProto:
  """Returns the session config that Estimator uses.

  TensorFlow then optimizes a graph once, instead of twice.

  Args:
    **kwargs: further fields of the config.
  """
  proto = tf.compat.v1.ConfigProto(allow_soft_placement=True, **kwargs)
  rewriting = proto.graph_options.rewrite_options
  rewriting.meta_optimizer_iterations = rewriting.ONE
  return proto


def borrow(
    borrower: Any,
    key: Hashable,
    build: Callable[[], Any],
    config: Optional[tf.compat.v1.ConfigProto] = None,
) -> Tuple[tf.compat.v1.Session, Any]:
  """Returns a session of a graph, and what `build` returned for this graph.

  A session has variables of its own, and one borrower at a time. It can be
  borrowed again when `borrower` has ceased to exist.

  Args:
    borrower: the object that uses the session.
    key: equal for borrowers that need the same graph. Graphs of native and of
      portable ops differ without being told apart by the key. None: no other
      borrower needs the graph.
    build: builds the graph in the default graph.
    config: the config of the session, equal for equal keys; None: that of
      `session_config`.
  """
  built = None
  if key is not None:
    key = (key, implementations.are_native())
    built = _graphs.pop(key, None)
  if built is None:
    with tf.Graph().as_default() as graph:
      parts = build()
      initializer = tf.compat.v1.global_variables_initializer()
    built = Built(graph, parts, initializer, [])
  if key is not None:
    # The last graph is the one that was used last.
    _graphs[key] = built
    if len(_graphs) > _MAX_GRAPHS:
      del _graphs[next(iter(_graphs))]
  session = (
      built.idle.pop()
      if built.idle
      else tf.compat.v1.Session(
          graph=built.graph, config=config or session_config()
      )
  )
  session.run(built.initializer)
  weakref.finalize(borrower, built.idle.append, session).atexit = False
  return session, built.parts


class Function:
  """A function of arrays that a graph computes.

  Attributes:
    outputs: the tensors of the results.
  """

  def __init__(
      self,
      key: Hashable,
      build: Callable[..., Any],
      *inputs: Tuple[Any, Optional[Sequence[Optional[int]]]],
  ):
    """Builds the graph, or borrows that of an earlier function.

    Args:
      key: equal for functions of the same inputs that need the same graph;
        None: no other function needs the graph.
      build: builds the results from the inputs.
      *inputs: the dtype and the static shape of each input.
    """
    inputs = [
        (tf.as_dtype(dtype), None if shape is None else tuple(shape))
        for dtype, shape in inputs
    ]

    def build_all():
      placeholders = [tf.compat.v1.placeholder(*each) for each in inputs]
      return placeholders, build(*placeholders)

    self._session, (self._inputs, self.outputs) = borrow(
        self, None if key is None else (key, *inputs), build_all
    )

  def __call__(self, *arrays: np.ndarray) -> Any:
    """Returns the results for arrays, one for each input."""
    return self._session.run(self.outputs, dict(zip(self._inputs, arrays)))
