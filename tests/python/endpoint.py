"""A gRPC endpoint that tells what it gets: one JSON object a line, the first with its port.

    endpoint.py PROTO_DIRECTORY [--fail N] [--reject TEXT]

The stubs are generated as it starts. The first N attempts of each message are to be repeated; one whose data is TEXT is rejected.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import sys
import tempfile
import threading

import grpc
from grpc_tools import protoc

FILES = ["fanfare/push/v1/push_endpoint_service.proto", "fanfare/v1/message.proto"]


def generate(protos, directory):
    """Python modules of the .proto files, to be imported."""
    common = pathlib.Path(protoc.__file__).with_name("_proto")
    outputs = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    if protoc.main(["protoc", f"-I{protos}", f"-I{common}", *outputs, *FILES]) != 0:
        sys.exit("the protos do not compile")
    sys.path.insert(0, directory)


def endpoint(options):
    """The service."""
    from fanfare.push.v1 import push_endpoint_service_pb2 as pb
    from fanfare.push.v1 import push_endpoint_service_pb2_grpc as services

    attempts = collections.Counter()

    class Endpoint(services.PushEndpointServiceServicer):
        def ConfirmSubscription(self, request, context):
            tell({"kind": "confirmation", "subscription": request.subscription, "topic": request.topic})
            return pb.ConfirmSubscriptionResponse(token=request.token)

        def Deliver(self, request, context):
            metadata = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
            results = [self.result(message, metadata, len(request.messages)) for message in request.messages]
            return pb.DeliverResponse(results=results)

        def result(self, pushed, metadata, batch):
            attempts[pushed.message_id] += 1
            text = pushed.message.data.decode()
            outcome = pb.DELIVER_OUTCOME_TAKEN
            if attempts[pushed.message_id] <= options.fail:
                outcome = pb.DELIVER_OUTCOME_RETRY
            if text == options.reject:
                outcome = pb.DELIVER_OUTCOME_REJECT
            tell({
                "kind": "delivery", "id": pushed.message_id, "attempt": pushed.delivery_attempt, "text": text,
                "key": pushed.message.ordering_key, "correlation": pushed.message.correlation_id,
                "batch": batch, "metadata": metadata, "outcome": outcome,
            })
            return pb.DeliverResult(message_id=pushed.message_id, outcome=outcome, detail="as it was told to")

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    services.add_PushEndpointServiceServicer_to_server(Endpoint(), server)
    return server


LOCK = threading.Lock()


def tell(what):
    with LOCK:
        print(json.dumps(what), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("protos")
    parser.add_argument("--fail", type=int, default=0)
    parser.add_argument("--reject")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        generate(options.protos, directory)
        server = endpoint(options)
    tell({"port": server.add_insecure_port("127.0.0.1:0")})
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
