# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Queries an exported model through TensorFlow's C library.

The program loads a SavedModel with `TF_LoadSessionFromSavedModel`, reads the
names of the tensors from the signature, and runs them. Any language with a
foreign function interface can do the same. The C library comes from
TensorFlow's wheel, or from the path in the environment variable LIBTENSORFLOW.
NumPy is the only Python package that the program imports. It prints an answer
for each row of numbers:

    python examples/serving/c_library.py MODEL 174,201,231 61,58,23
"""

import argparse
import contextlib
import ctypes
import glob
import importlib.util
import os
from typing import Dict, Iterator, NamedTuple, Optional, Tuple, Union

import numpy as np
import numpy.typing

# TF_DataType of tensorflow/c/tf_datatype.h.
_DTYPES = {1: np.float32, 2: np.float64, 9: np.int64}
_CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}
_DEALLOCATOR = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)
_KEEP = _DEALLOCATOR(lambda *unused: None)


class _Buffer(ctypes.Structure):
  """TF_Buffer."""

  _fields_ = [
      ('data', ctypes.c_void_p),
      ('length', ctypes.c_size_t),
      ('data_deallocator', ctypes.c_void_p),
  ]


class _Output(ctypes.Structure):
  """TF_Output: one output of an operation."""

  _fields_ = [('oper', ctypes.c_void_p), ('index', ctypes.c_int)]


def load_library() -> ctypes.CDLL:
  """Opens the C library and declares the functions that this program calls."""
  path = os.environ.get('LIBTENSORFLOW')
  if not path:
    # Finds the package, but does not import it.
    package = importlib.util.find_spec('tensorflow')
    (folder,) = package.submodule_search_locations
    path = min(glob.glob(os.path.join(folder, 'libtensorflow_cc.*')))
  tf = ctypes.CDLL(path)
  pointer, string = ctypes.c_void_p, ctypes.c_char_p
  integer, int64s = ctypes.c_int, ctypes.POINTER(ctypes.c_int64)
  strings, outputs = ctypes.POINTER(string), ctypes.POINTER(_Output)
  tensors = ctypes.POINTER(pointer)
  for name, result, arguments in (
      ('TF_NewBuffer', ctypes.POINTER(_Buffer), []),
      ('TF_DeleteBuffer', None, [pointer]),
      ('TF_NewStatus', pointer, []),
      ('TF_DeleteStatus', None, [pointer]),
      ('TF_GetCode', integer, [pointer]),
      ('TF_Message', string, [pointer]),
      ('TF_NewGraph', pointer, []),
      ('TF_DeleteGraph', None, [pointer]),
      ('TF_GraphOperationByName', pointer, [pointer, string]),
      ('TF_NewSessionOptions', pointer, []),
      ('TF_DeleteSessionOptions', None, [pointer]),
      (
          'TF_LoadSessionFromSavedModel',
          pointer,
          [pointer, pointer, string, strings, integer] + 3 * [pointer],
      ),
      ('TF_CloseSession', None, [pointer, pointer]),
      ('TF_DeleteSession', None, [pointer, pointer]),
      (
          'TF_SessionRun',
          None,
          [pointer, pointer]
          + [outputs, tensors, integer]
          + [outputs, tensors, integer]
          + [pointer, integer, pointer, pointer],
      ),
      (
          'TF_NewTensor',
          pointer,
          [integer, int64s, integer]
          + [pointer, ctypes.c_size_t, _DEALLOCATOR, pointer],
      ),
      ('TF_DeleteTensor', None, [pointer]),
      ('TF_TensorType', integer, [pointer]),
      ('TF_NumDims', integer, [pointer]),
      ('TF_Dim', ctypes.c_int64, [pointer, integer]),
      ('TF_TensorByteSize', ctypes.c_size_t, [pointer]),
      ('TF_TensorData', pointer, [pointer]),
  ):
    function = getattr(tf, name)
    function.restype, function.argtypes = result, arguments
  return tf


class Tensor(NamedTuple):
  """The name and the dtype of an input or output of a signature."""

  name: str
  dtype: Optional[type]  # None: not in `_DTYPES`.


class SavedModel:
  """A SavedModel in a session of the C library; close it after use."""

  def __init__(self, path: str):
    self._tf = load_library()
    with contextlib.ExitStack() as stack:
      self._status = self._new('Status', stack)
      self._graph = self._new('Graph', stack)
      options = self._new('SessionOptions', stack)
      meta_graph = self._new('Buffer', stack)
      self._session = self._tf.TF_LoadSessionFromSavedModel(
          options, None, os.fsencode(path),
          (ctypes.c_char_p * 1)(b'serve'), 1,
          self._graph, meta_graph, self._status,
      )  # pyformat: disable
      self._check()
      stack.callback(
          self._tf.TF_DeleteSession, self._session, self._status
      )
      stack.callback(self._tf.TF_CloseSession, self._session, self._status)
      content = meta_graph.contents
      self._signatures = signatures(
          ctypes.string_at(content.data, content.length)
      )
      self._stack = stack.pop_all()

  def close(self) -> None:
    self._stack.close()

  def __call__(self, signature: str, points: np.typing.ArrayLike) -> np.ndarray:
    """Returns the only output of a signature for its only input, `[n, d]`."""
    inputs, outputs = self._signatures[signature]
    (fed,), (fetched,) = inputs.values(), outputs.values()
    points = np.ascontiguousarray(points, fed.dtype)
    shape = (ctypes.c_int64 * points.ndim)(*points.shape)
    tensor = self._tf.TF_NewTensor(
        _CODES[points.dtype], shape, points.ndim,
        points.ctypes.data, points.nbytes, _KEEP, None,
    )  # pyformat: disable
    answer = ctypes.c_void_p()
    try:
      self._tf.TF_SessionRun(
          self._session, None,
          self._output(fed.name), ctypes.c_void_p(tensor), 1,
          self._output(fetched.name), ctypes.byref(answer), 1,
          None, 0, None, self._status,
      )  # pyformat: disable
    finally:
      self._tf.TF_DeleteTensor(tensor)
    self._check()
    try:
      return self._array(answer)
    finally:
      self._tf.TF_DeleteTensor(answer)

  def _new(self, kind, stack):
    thing = getattr(self._tf, f'TF_New{kind}')()
    stack.callback(getattr(self._tf, f'TF_Delete{kind}'), thing)
    return thing

  def _check(self):
    if self._tf.TF_GetCode(self._status):
      raise RuntimeError(self._tf.TF_Message(self._status).decode())

  def _output(self, name):
    operation, _, index = name.partition(':')
    found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
    return ctypes.byref(_Output(found, int(index)))

  def _array(self, tensor):
    size = self._tf.TF_TensorByteSize(tensor)
    data = ctypes.string_at(self._tf.TF_TensorData(tensor), size)
    shape = [
        self._tf.TF_Dim(tensor, i) for i in range(self._tf.TF_NumDims(tensor))
    ]
    dtype = _DTYPES[self._tf.TF_TensorType(tensor)]
    return np.frombuffer(data, dtype).reshape(shape)


def signatures(
    meta_graph: bytes,
) -> Dict[str, Tuple[Dict[str, Tensor], Dict[str, Tensor]]]:
  """Reads the signatures in a serialized MetaGraphDef.

  Args:
    meta_graph: the bytes that `TF_LoadSessionFromSavedModel` returns. The field
      numbers are in tensorflow/core/protobuf/meta_graph.proto.

  Returns:
    The inputs and the outputs of each signature, by name.
  """
  found = {}
  for number, entry in _fields(meta_graph):
    if number == 5:
      key, signature = _entry(entry)
      tensors = {1: {}, 2: {}}
      for kind, item in _fields(signature):
        if kind in tensors:
          name, info = _entry(item)
          info = dict(_fields(info))
          tensors[kind][name.decode()] = Tensor(
              info[1].decode(), _DTYPES.get(info[2])
          )
      found[key.decode()] = tensors[1], tensors[2]
  return found


def _entry(message):
  fields = dict(_fields(message))
  return fields[1], fields[2]


def _fields(message: bytes) -> Iterator[Tuple[int, Union[int, bytes]]]:
  """Yields the number and the encoded value of each field of a message."""
  position = 0

  def varint():
    nonlocal position
    value = shift = 0
    while True:
      byte = message[position]
      position += 1
      value |= (byte & 0x7F) << shift
      shift += 7
      if byte < 0x80:
        return value

  while position < len(message):
    number, wire_type = divmod(varint(), 8)
    if wire_type == 0:
      yield number, varint()
    else:
      size = {1: 8, 5: 4}.get(wire_type) or varint()
      position += size
      yield number, message[position - size : position]


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('model', help='the folder with saved_model.pb')
  parser.add_argument('row', nargs='+', help='a point, such as 61,58,23')
  parser.add_argument(
      '--signature',
      default='serving_default',
      help='the signature to call (%(default)s)',
  )
  args = parser.parse_args()
  points = [[float(x) for x in row.split(',')] for row in args.row]
  with contextlib.closing(SavedModel(args.model)) as model:
    print(model(args.signature, points))


if __name__ == '__main__':
  main()
