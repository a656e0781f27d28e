# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Holding back the signals that end a process until a piece of work is done."""

import ctypes
import os
import signal
import socket
import sys
import threading
from typing import Optional

import tensorflow as tf

_HELD = (signal.SIGTERM, signal.SIGINT)
# A second signal is for the main thread to act on. If the main thread has not
# done so after this time, it is in a call of C, where Python cannot reach it.
_SECONDS_FOR_MAIN_THREAD = 0.5


class HeldSignals:
  """Holds back the first SIGTERM or SIGINT; a second one acts at once.

  Python runs handlers in the main thread only, and only between two bytecodes.
  A training step is a single call of C and may wait for its input without end.
  So a thread watches for the second signal too.

  Attributes:
    received: the number of the signal that is held back, or None.
  """

  def __init__(self):
    self.received: Optional[int] = None
    self._before = {}
    self._is_holding = False

  def hold(self) -> None:
    """Takes over the signals; to be called in the main thread.

    A signal that the process ignores stays ignored.
    """
    self.received = None
    self._is_holding = True
    for number in _HELD:
      before = signal.getsignal(number)
      if before != signal.SIG_IGN:
        # None: a handler that is not Python's, which Python cannot put back.
        self._before[number] = before or signal.SIG_DFL
    self._start_watching()
    for number in self._before:
      signal.signal(number, self._handle)

  def put_back(self) -> None:
    """Gives the signals back to those who handled them before `hold`."""
    if not self._is_holding:
      return
    self._is_holding = False
    for number, before in self._before.items():
      # Someone may have set another handler since, which is theirs to remove.
      if signal.getsignal(number) == self._handle:
        signal.signal(number, before)
    signal.set_wakeup_fd(self._wakeup_before)
    self._is_over.set()
    self._bell.close()
    self._watcher.join()

  def deliver(self) -> None:
    """Lets the signal do now what it would have done without `hold`.

    May end the process, or raise what the handler raises: `KeyboardInterrupt`
    for SIGINT.
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
    # The first process of a container does not die of such a signal.
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
    """Gets the number of each signal as it comes, whatever Python is doing."""
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
              'Got %s: training ends after this step. Another signal ends the '
              'process at once.',
              signal.Signals(number).name,
          )
        elif not self._is_over.wait(_SECONDS_FOR_MAIN_THREAD):
          self._end_process(number)

  def _end_process(self, number):
    """Ends the process by a signal, if the signal would have ended it."""
    before = self._before[number]
    # Whoever interrupts a call at Python's prompt wants to go on at the prompt.
    if before != signal.SIG_DFL and (
        before != signal.default_int_handler or hasattr(sys, 'ps1')
    ):
      return
    # As `signal.signal(number, signal.SIG_DFL)`, but in any thread.
    set_action = ctypes.pythonapi.PyOS_setsig
    set_action.argtypes = [ctypes.c_int, ctypes.c_void_p]
    set_action.restype = ctypes.c_void_p
    set_action(number, None)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
