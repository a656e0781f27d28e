# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._signals; hooks_test tests it in processes."""

import signal
import socket
import threading
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from kmeans_estimator import _signals

_BOTH = (signal.SIGTERM, signal.SIGINT)


class HeldSignalsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.calls = []
    self.signals = _signals.HeldSignals()
    self.addCleanup(self.signals.put_back)
    for number in _BOTH:
      self._set(number, self._on_signal)

  def _set(self, number, handler):
    self.addCleanup(signal.signal, number, signal.signal(number, handler))

  def _on_signal(self, number, frame):
    del frame
    self.calls.append(number)

  @parameterized.parameters(*_BOTH)
  def test_first_signal_waits_until_it_is_delivered(self, number):
    self.signals.hold()
    signal.raise_signal(number)
    self.assertEqual(self.signals.received, number)
    self.signals.put_back()
    self.assertEmpty(self.calls)
    self.signals.deliver()
    self.assertEqual(self.calls, [number])

  @parameterized.product(first=_BOTH, second=_BOTH)
  def test_second_signal_acts_at_once(self, first, second):
    self.signals.hold()
    signal.raise_signal(first)
    signal.raise_signal(second)
    self.assertEqual(self.calls, [second])

  def test_previous_handlers_are_restored(self):
    self.signals.hold()
    self.assertNotEqual(signal.getsignal(signal.SIGTERM), self._on_signal)
    self.signals.put_back()
    for number in _BOTH:
      self.assertEqual(signal.getsignal(number), self._on_signal)
      signal.raise_signal(number)
    self.assertEqual(self.calls, list(_BOTH))
    self.assertIsNone(self.signals.received)

  def test_handler_installed_after_hold_stays(self):
    self.signals.hold()
    chained = signal.getsignal(signal.SIGTERM)

    def handler(number, frame):
      self.calls.append('since')
      chained(number, frame)

    signal.signal(signal.SIGTERM, handler)
    self.signals.put_back()
    self.assertEqual(signal.getsignal(signal.SIGTERM), handler)
    signal.raise_signal(signal.SIGTERM)
    self.assertEqual(self.calls, ['since', signal.SIGTERM])

  def test_ignored_signal_stays_ignored(self):
    self._set(signal.SIGINT, signal.SIG_IGN)
    self.signals.hold()
    for _ in range(2):
      signal.raise_signal(signal.SIGINT)
    self.assertIsNone(self.signals.received)
    self.signals.put_back()
    self.assertEqual(signal.getsignal(signal.SIGINT), signal.SIG_IGN)

  def test_handler_of_c_code_becomes_the_default(self):
    with mock.patch.object(signal, 'getsignal', return_value=None):
      self.signals.hold()
    self.signals.put_back()
    self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)

  def test_held_sigint_raises_keyboard_interrupt(self):
    self._set(signal.SIGINT, signal.default_int_handler)
    self.signals.hold()
    signal.raise_signal(signal.SIGINT)
    self.signals.put_back()
    with self.assertRaises(KeyboardInterrupt):
      self.signals.deliver()

  def test_first_process_of_a_container_exits(self):
    # Linux does not deliver such a signal to the first process of a container.
    self._set(signal.SIGTERM, signal.SIG_DFL)
    self.signals.hold()
    signal.raise_signal(signal.SIGTERM)
    self.signals.put_back()
    with mock.patch.object(signal, 'raise_signal') as raise_signal:
      with self.assertRaisesRegex(SystemExit, '143'):
        self.signals.deliver()
    raise_signal.assert_called_once_with(signal.SIGTERM)

  def test_wakeup_fd_of_other_code_still_gets_signals(self):
    listener, bell = socket.socketpair()
    bell.setblocking(False)
    with listener, bell:
      before = signal.set_wakeup_fd(bell.fileno())
      self.addCleanup(signal.set_wakeup_fd, before)
      self.signals.hold()
      signal.raise_signal(signal.SIGTERM)
      self.assertEqual(listener.recv(1)[0], signal.SIGTERM)
      self.signals.put_back()
      self.assertEqual(signal.set_wakeup_fd(before), bell.fileno())

  def test_no_thread_is_left(self):
    before = threading.active_count()
    for _ in range(3):
      self.signals.hold()
      self.signals.put_back()
    self.assertEqual(threading.active_count(), before)


if __name__ == '__main__':
  absltest.main()
