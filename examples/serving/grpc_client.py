# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Asks TensorFlow Serving by gRPC which palette colours are nearest.

The program first asks the server for the model's signature, which describes the
inputs and outputs of a request. Then it sends the colours. It prints the
signature and the reply.

    python examples/serving/grpc_client.py localhost:8500 174,201,231 61,58,23
"""

import argparse

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

TIMEOUT_SECONDS = 10


def signatures(stub, model: str):
  """Returns the SignatureDefs of a served model, by name."""
  request = get_model_metadata_pb2.GetModelMetadataRequest(
      metadata_field=['signature_def']
  )
  request.model_spec.name = model
  reply = stub.GetModelMetadata(request, timeout=TIMEOUT_SECONDS)
  content = get_model_metadata_pb2.SignatureDefMap()
  reply.metadata['signature_def'].Unpack(content)
  return content.signature_def


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('server', help='the address of the server, HOST:PORT')
  parser.add_argument('row', nargs='+', help='a point, such as 61,58,23')
  parser.add_argument(
      '--model', default='palette', help='the name of the model (%(default)s)'
  )
  parser.add_argument(
      '--signature',
      default='serving_default',
      help='the signature to call (%(default)s)',
  )
  args = parser.parse_args()
  rows = [[float(x) for x in row.split(',')] for row in args.row]

  with grpc.insecure_channel(args.server) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    signature = signatures(stub, args.model)[args.signature]
    print(signature)
    ((name, info),) = signature.inputs.items()

    request = predict_pb2.PredictRequest()
    request.model_spec.name = args.model
    request.model_spec.signature_name = args.signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(rows, info.dtype))
    print(stub.Predict(request, timeout=TIMEOUT_SECONDS))


if __name__ == '__main__':
  main()
