# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""An Estimator with changes to its sessions, event files and input.

tensorflow-estimator refuses an object whose class overrides methods of
`estimator.Estimator`, but does not look at base classes. So the overrides are
in a class between `estimator.Estimator` and `KMeansClustering`. Each override
keeps the documented behaviour of the method.
"""

import contextlib
import tempfile
from typing import Any, Callable, Iterator, List, Optional
import weakref

import tensorflow as tf

from kmeans_estimator import _checkpoints
from kmeans_estimator import _event_files
from kmeans_estimator import _own_graphs
from kmeans_estimator import _progress
from kmeans_estimator import _streams
from kmeans_estimator import features as features_lib
from kmeans_estimator import saver
from kmeans_estimator._compat import placement
from kmeans_estimator._compat.api import v1 as estimator_lib


class Estimator(estimator_lib.Estimator):
  """An Estimator that predicts without keeping its graph as the default graph.

  In addition, prediction and evaluation end after one batch if the input is a
  tensor, the event files are closed when the Estimator is deleted, and errors
  name the damaged files of a checkpoint.
  """

  def __init__(self, *args: Any, **kwargs: Any):
    """Creates the Estimator.

    Args:
      *args: arguments of `estimator.Estimator`.
      **kwargs: arguments of `estimator.Estimator`.
    """
    super().__init__(*args, **kwargs)
    self._event_files = _event_files.of(self._model_dir)

  def train(
      self,
      input_fn: Callable[..., Any],
      hooks: Optional[List[Any]] = None,
      steps: Optional[int] = None,
      max_steps: Optional[int] = None,
      saving_listeners: Optional[List[Any]] = None,
  ) -> 'Estimator':
    """Continues training from the latest checkpoint, or trains a new model.

    Args:
      input_fn: returns the points: a Dataset, or a tensor, which is the same
        batch in every step.
      hooks: `SessionRunHook`s for the training session.
      steps: the number of steps to train. If `steps` and `max_steps` are None,
        training ends with the input.
      max_steps: the `global_step` at which training ends. Excludes `steps`.
      saving_listeners: `CheckpointSaverListener`s.

    Returns:
      The Estimator.

    Raises:
      ValueError: `steps` or `max_steps` is not allowed, or a hook cannot work
        with a new model.
      tf.errors.DataLossError: the latest checkpoint is damaged, or no file says
        which checkpoint is the latest.
    """
    if self._config.is_chief:
      _checkpoints.check_latest(self._model_dir)
    self._event_files.will_open(self._model_dir)
    hooks = list(hooks or [])
    self._check_evaluators(hooks)
    _progress.announce(hooks, steps, max_steps)
    return super().train(input_fn, hooks, steps, max_steps, saving_listeners)

  def _check_evaluators(self, hooks):
    evaluator = estimator_lib.experimental.InMemoryEvaluatorHook
    if any(isinstance(hook, evaluator) for hook in hooks) and not (
        saver.latest_has_all_centers(self._model_dir)
    ):
      raise ValueError(
          'InMemoryEvaluatorHook evaluates before the first step, but a new '
          'model has no centers then. First call train(input_fn, steps=1) '
          'without the hook.'
      )

  def evaluate(
      self,
      input_fn: Callable[..., Any],
      steps: Optional[int] = None,
      hooks: Optional[List[Any]] = None,
      checkpoint_path: Optional[str] = None,
      name: Optional[str] = None,
  ) -> Any:
    """Computes the mean of every metric over the batches of an input.

    If the results cannot be written to `eval_dir(name)`, a warning says so.

    Args:
      input_fn: returns the points: a Dataset, or a tensor, which is one batch.
      steps: the number of batches to evaluate; a tensor is evaluated
        `steps` times. None: until the input ends.
      hooks: `SessionRunHook`s for the evaluation session.
      checkpoint_path: the checkpoint to evaluate. None: the latest.
      name: distinguishes several evaluations of the same model.

    Returns:
      The metrics by name, with `loss` and `global_step`.

    Raises:
      ValueError: the model has not been trained, or `steps` is not allowed.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    self._check_checkpoint(checkpoint_path)
    if not (checkpoint_path or self.latest_checkpoint()):
      raise ValueError(saver.NO_CHECKPOINT)
    self._event_files.will_open(self.eval_dir(name))
    hooks = list(hooks or [])
    if steps is None:
      hooks.append(_OneBatchHook())
    return super().evaluate(input_fn, steps, hooks, checkpoint_path, name)

  def predict(
      self,
      input_fn: Callable[..., Any],
      predict_keys: Optional[List[str]] = None,
      hooks: Optional[List[Any]] = None,
      checkpoint_path: Optional[str] = None,
      yield_single_examples: bool = True,
  ) -> Iterator[Any]:
    """Predicts for points until the input ends.

    Between two results the default graph is the caller's: other predictions,
    eager ops and Keras can run. Closing or deleting the generator closes its
    session.

    Args:
      input_fn: returns the points: a Dataset, or a tensor, which is one batch.
      predict_keys: the keys of the predictions to yield. None: all keys.
      hooks: `SessionRunHook`s for the prediction session.
      checkpoint_path: the checkpoint to predict with. None: the latest.
      yield_single_examples: True: yield the predictions of one point at a time;
        False: those of a whole batch.

    Yields:
      A dict of predictions by key.

    Raises:
      ValueError: the model has not been trained, or it has no predictions of
        the given `predict_keys`.
      TypeError: a hook is not a SessionRunHook.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    hooks = list(hooks or [])
    for hook in hooks:
      if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
        raise TypeError(f'hooks must be SessionRunHooks, got {hook!r}.')
    self._check_checkpoint(checkpoint_path)
    graph = tf.Graph()
    with graph.as_default():
      predictions, session = self._predictions_and_session(
          input_fn, predict_keys, hooks, checkpoint_path
      )
    with _GraphSession(graph, session) as session:
      while not session.should_stop():
        with features_lib.explained_columns():
          batch = session.run(predictions)
        if not yield_single_examples:
          yield batch
          continue
        for i in range(self._extract_batch_length(batch)):
          yield {key: value[i] for key, value in batch.items()}

  def _call_input_fn(self, input_fn, mode, *args, **kwargs):
    """Calls the `input_fn` and checks its result, in each mode and strategy."""
    if mode != estimator_lib.ModeKeys.PREDICT:
      _own_graphs.mark_default()
    result = features_lib.check_result(
        super()._call_input_fn(input_fn, mode, *args, **kwargs)
    )
    _streams.look_at_input(result)
    return result

  def _predictions_and_session(
      self, input_fn, predict_keys, hooks, checkpoint_path
  ):
    tf.compat.v1.set_random_seed(self._config.tf_random_seed)
    self._create_and_assert_global_step(tf.compat.v1.get_default_graph())
    mode = estimator_lib.ModeKeys.PREDICT
    # The input may contain labels; k-means ignores them.
    features, _, input_hooks = self._get_features_and_labels_from_input_fn(
        input_fn, mode
    )
    spec = self._call_model_fn(features, None, mode, self.config)
    predictions = self._extract_keys(spec.predictions, predict_keys)
    session = tf.compat.v1.train.MonitoredSession(
        tf.compat.v1.train.ChiefSessionCreator(
            spec.scaffold,
            master=self._config.master,
            config=self._session_config,
            checkpoint_filename_with_path=(
                checkpoint_path or self.latest_checkpoint()
            ),
        ),
        hooks=[
            *input_hooks,
            *hooks,
            *spec.prediction_hooks,
            _OneBatchHook(),
        ],
    )
    return predictions, session

  def get_variable_value(self, name: str) -> Any:
    """Reads a variable of the latest checkpoint.

    Args:
      name: the name of the variable.

    Returns:
      The value of the variable, a NumPy array.

    Raises:
      ValueError: the model has not been trained.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    with self._explained_latest():
      return super().get_variable_value(name)

  def get_variable_names(self) -> List[str]:
    """Lists the variables of the latest checkpoint.

    Returns:
      The names of the variables.

    Raises:
      ValueError: the model has not been trained.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    with self._explained_latest():
      return super().get_variable_names()

  @contextlib.contextmanager
  def _explained_latest(self):
    _checkpoints.check_latest(self._model_dir)
    with _checkpoints.explained(self.latest_checkpoint() or ''):
      yield

  def _export_all_saved_models(
      self,
      export_dir_base,
      input_receiver_fn_map,
      assets_extra=None,
      as_text=False,
      checkpoint_path=None,
      strip_default_attrs=True,
  ):
    """Exports SavedModels; all export methods of Estimator call this method."""
    self._check_checkpoint(checkpoint_path)
    with placement.portable_ops():
      return super()._export_all_saved_models(
          export_dir_base,
          input_receiver_fn_map,
          assets_extra,
          as_text,
          checkpoint_path,
          strip_default_attrs,
      )

  def _check_checkpoint(self, checkpoint_path):
    if checkpoint_path:
      _checkpoints.check_given(checkpoint_path)
    else:
      _checkpoints.check_latest(self._model_dir)

  def _evaluate_build_graph(self, input_fn, hooks=None, checkpoint_path=None):
    """Builds the graph and replaces the metric `loss` by `score`.

    Estimator's mean of the loss is float32, `score` has the points' dtype.
    """
    scaffold, update_op, eval_dict, all_hooks = super()._evaluate_build_graph(
        input_fn, hooks, checkpoint_path
    )
    eval_dict['loss'] = eval_dict['score']
    if checkpoint_path is None:
      # InMemoryEvaluatorHook assigns the variables of the training session, and
      # refuses a scaffold that restores a checkpoint.
      scaffold = tf.compat.v1.train.Scaffold()
    return scaffold, update_op, eval_dict, all_hooks

  def _evaluate_run(
      self,
      checkpoint_path,
      scaffold,
      update_op,
      eval_dict,
      all_hooks,
      output_dir,
  ):
    """Evaluates; an output folder that cannot be made is only a warning."""
    with contextlib.ExitStack() as until_written:
      try:
        tf.io.gfile.makedirs(output_dir)
      except tf.errors.OpError as error:
        tf.compat.v1.logging.warning(
            'The results of this evaluation are not written to %s: %s',
            output_dir,
            error.message,
        )
        output_dir = until_written.enter_context(_discarded_folder())
      return super()._evaluate_run(
          checkpoint_path,
          scaffold,
          update_op,
          eval_dict,
          all_hooks,
          output_dir,
      )


@contextlib.contextmanager
def _discarded_folder():
  """Yields a temporary folder for event files that are to be discarded."""
  with tempfile.TemporaryDirectory() as folder:
    event_files = _event_files.of(folder)
    event_files.will_open(folder)
    yield folder
    del event_files  # Closes the event files before the folder is deleted.


class _GraphSession:
  """A session whose graph is the default graph only during its methods."""

  def __init__(
      self, graph: tf.Graph, session: tf.compat.v1.train.MonitoredSession
  ):
    """Takes over a session.

    Args:
      graph: the graph of the session.
      session: the session. Leaving this object's context closes it.
    """
    self._graph = graph
    self._session = session
    # A generator may live until the interpreter clears modules at exit, when a
    # session can no longer be closed. The finalizer closes it before that.
    self._at_exit = weakref.finalize(self, _close, graph, session)

  def should_stop(self) -> bool:
    return self._session.should_stop()

  def run(self, fetches: Any) -> Any:
    with self._graph.as_default():
      return self._session.run(fetches)

  def __enter__(self) -> '_GraphSession':
    return self

  def __exit__(self, *error):
    if self._at_exit.detach() is None:
      return False  # The finalizer has closed the session.
    # MonitoredSession returns True for the end of the input, which is no error.
    with self._graph.as_default():
      return self._session.__exit__(*error)


def _close(graph, session):
  """Closes an unfinished session without running the `end` of its hooks."""
  with graph.as_default():
    session.__exit__(GeneratorExit, None, None)


class _OneBatchHook(tf.compat.v1.train.SessionRunHook):
  """Stops after one batch if the input would repeat that batch for ever."""

  def begin(self):
    self._repeats = _streams.repeats_one_batch(
        tf.compat.v1.get_default_graph()
    )

  def after_run(self, run_context, run_values):
    del run_values
    if self._repeats:
      run_context.request_stop()
