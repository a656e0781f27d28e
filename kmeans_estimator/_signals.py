# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Delays signals that end a process until a training step is complete."""

import ctypes
import os
import signal
import socket
import sys
import threading
from typing import Optional

import tensorflow as tf

_HELD = (signal.SIGTERM, signal.SIGINT)
# The time for the main thread to act on a second signal. If it has not acted by
# then, it is inside a C call, in which Python runs no handler, and the watching
# thread ends the process.
_SECONDS_FOR_MAIN_THREAD = 0.5


class HeldSignals:
  """Holds back the first SIGTERM or SIGINT; a second signal acts at once.

  Python runs signal handlers only in the main thread, between two bytecodes. A
  training step is a single C call, which may wait for its input for ever. So a
  thread watches for the second signal, too.

  Attributes:
    received: the number of the signal that is held back, or None.
  """

  def __init__(self):
    self.received: Optional[int] = None
    self._before = {}
    self._is_holding = False

  def hold(self) -> None:
    """Installs the handlers; must be called in the main thread.

    A signal that the process ignores stays ignored.
    """
    self.received = None
    self._is_holding = True
    for number in _HELD:
      before = signal.getsignal(number)
      if before != signal.SIG_IGN:
        # None stands for a handler that C code installed. Python cannot restore
        # it, so the default handler takes its place.
        self._before[number] = before or signal.SIG_DFL
    self._start_watching()
    for number in self._before:
      signal.signal(number, self._handle)

  def put_back(self) -> None:
    """Restores the handlers that were installed before `hold`."""
    if not self._is_holding:
      return
    self._is_holding = False
    for number, before in self._before.items():
      # Leave a handler that other code has installed since `hold`.
      if signal.getsignal(number) == self._handle:
        signal.signal(number, before)
    signal.set_wakeup_fd(self._wakeup_before)
    self._is_over.set()
    self._bell.close()
    self._watcher.join()

  def deliver(self) -> None:
    """Passes the held signal to the handler that was installed before `hold`.

    This may end the process, or raise the exception of the handler, such as
    `KeyboardInterrupt` for SIGINT.
    """
    self._pass_on(self.received, None)

  def _handle(self, number, frame):
    if self._is_holding and self.received is None:
      self.received = number
      return
    self.put_back()
    self._pass_on(number, frame)

  def _pass_on(self, number, frame):
    before = self._before[number]
    if callable(before):
      before(number, frame)
      return
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # Linux does not apply default signal actions to the first process of a
    # container (PID 1), so exit.
    sys.exit(128 + number)

  def _start_watching(self):
    self._is_over = threading.Event()
    listener, self._bell = socket.socketpair()
    self._bell.setblocking(False)
    self._wakeup_before = signal.set_wakeup_fd(
        self._bell.fileno(), warn_on_full_buffer=False
    )
    self._watcher = threading.Thread(
        target=self._watch, args=(listener,), daemon=True
    )
    self._watcher.start()

  def _watch(self, listener):
    """Reads each signal's number, even while the main thread is in a C call."""
    seen = 0
    with listener:
      while byte := listener.recv(1):
        if self._wakeup_before >= 0:
          os.write(self._wakeup_before, byte)
        [number] = byte
        if number not in self._before:
          continue
        seen += 1
        if seen == 1:
          tf.compat.v1.logging.warning(
              'Got %s: training ends after this step. A second signal ends the '
              'process at once.',
              signal.Signals(number).name,
          )
        elif not self._is_over.wait(_SECONDS_FOR_MAIN_THREAD):
          self._end_process(number)

  def _end_process(self, number):
    """Ends the process if the previous handler would have ended it."""
    before = self._before[number]
    # At an interactive prompt Ctrl-C interrupts the call, not the process.
    if before != signal.SIG_DFL and (
        before != signal.default_int_handler or hasattr(sys, 'ps1')
    ):
      return
    # Does `signal.signal(number, signal.SIG_DFL)`, which Python allows only in
    # the main thread.
    set_action = ctypes.pythonapi.PyOS_setsig
    set_action.argtypes = [ctypes.c_int, ctypes.c_void_p]
    set_action.restype = ctypes.c_void_p
    set_action(number, None)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
