# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Estimator namespace, on any TensorFlow from 2.13 to 2.21.

It has every name of `tf.compat.v1.estimator` in TensorFlow 2.15, but
`experimental.KMeans` is `kmeans_estimator.KMeansClustering`:

```python
from kmeans_estimator import estimator
from kmeans_estimator.estimator.export import ServingInputReceiver

config = estimator.RunConfig(tf_random_seed=1)
kmeans = estimator.experimental.KMeans(num_clusters=5, config=config)
```
"""

from kmeans_estimator._compat import run_config as _run_config
from kmeans_estimator._compat.api import v1 as _v1
from kmeans_estimator.estimator import _restore
from kmeans_estimator.estimator import experimental as experimental
from kmeans_estimator.estimator import export as export
from kmeans_estimator.estimator import inputs as inputs
from kmeans_estimator.estimator import tpu as tpu

BaselineClassifier = _v1.BaselineClassifier
BaselineEstimator = _v1.BaselineEstimator
BaselineRegressor = _v1.BaselineRegressor
BestExporter = _v1.BestExporter
BinaryClassHead = _v1.BinaryClassHead
CheckpointSaverHook = _v1.CheckpointSaverHook
CheckpointSaverListener = _v1.CheckpointSaverListener
DNNClassifier = _v1.DNNClassifier
DNNEstimator = _v1.DNNEstimator
DNNLinearCombinedClassifier = _v1.DNNLinearCombinedClassifier
DNNLinearCombinedEstimator = _v1.DNNLinearCombinedEstimator
DNNLinearCombinedRegressor = _v1.DNNLinearCombinedRegressor
DNNRegressor = _v1.DNNRegressor
Estimator = _v1.Estimator
EstimatorSpec = _v1.EstimatorSpec
EvalSpec = _v1.EvalSpec
Exporter = _v1.Exporter
FeedFnHook = _v1.FeedFnHook
FinalExporter = _v1.FinalExporter
FinalOpsHook = _v1.FinalOpsHook
GlobalStepWaiterHook = _v1.GlobalStepWaiterHook
Head = _v1.Head
LatestExporter = _v1.LatestExporter
LinearClassifier = _v1.LinearClassifier
LinearEstimator = _v1.LinearEstimator
LinearRegressor = _v1.LinearRegressor
LoggingTensorHook = _v1.LoggingTensorHook
LogisticRegressionHead = _v1.LogisticRegressionHead
ModeKeys = _v1.ModeKeys
MultiClassHead = _v1.MultiClassHead
MultiHead = _v1.MultiHead
MultiLabelHead = _v1.MultiLabelHead
NanLossDuringTrainingError = _v1.NanLossDuringTrainingError
NanTensorHook = _v1.NanTensorHook
PoissonRegressionHead = _v1.PoissonRegressionHead
ProfilerHook = _v1.ProfilerHook
RegressionHead = _v1.RegressionHead
RunConfig = _run_config.RunConfig
SecondOrStepTimer = _v1.SecondOrStepTimer
SessionRunArgs = _v1.SessionRunArgs
SessionRunContext = _v1.SessionRunContext
SessionRunHook = _v1.SessionRunHook
SessionRunValues = _v1.SessionRunValues
StepCounterHook = _v1.StepCounterHook
StopAtStepHook = _v1.StopAtStepHook
SummarySaverHook = _v1.SummarySaverHook
TrainSpec = _v1.TrainSpec
VocabInfo = _v1.VocabInfo
WarmStartSettings = _v1.WarmStartSettings
add_metrics = _v1.add_metrics
classifier_parse_example_spec = _v1.classifier_parse_example_spec
regressor_parse_example_spec = _v1.regressor_parse_example_spec
restore_tf_estimator = _restore.restore_tf_estimator
train_and_evaluate = _v1.train_and_evaluate
