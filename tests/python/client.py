"""Publishes to the topic `orders`, pulls from the subscription `billing` and acknowledges.

No generated code: the messages and services come from the broker's reflection. Address of the broker as the argument.
"""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "fanfare.v1"


class Broker:
    """Calls by name."""

    def __init__(self, channel):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, service, method, **fields):
        described = self.pool.FindServiceByName(f"{PACKAGE}.{service}").methods_by_name[method]
        request = message_factory.GetMessageClass(described.input_type)
        answer = message_factory.GetMessageClass(described.output_type)
        send = self.channel.unary_unary(
            f"/{PACKAGE}.{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        return send(request(**fields), timeout=30)


def main(address):
    with grpc.insecure_channel(address) as channel:
        broker = Broker(channel)
        messages = [{"data": str(number).encode()} for number in range(3)]
        published = broker.call("PublisherService", "Publish", topic="orders", messages=messages)
        pulled = broker.call("SubscriberService", "Pull", subscription="billing", wait={"seconds": 10})
        assert [received.message.data for received in pulled.messages] == [b"0", b"1", b"2"], pulled
        ack_ids = [received.ack_id for received in pulled.messages]
        settled = broker.call("SubscriberService", "Acknowledge", subscription="billing", ack_ids=ack_ids)
        done = [result for result in settled.results if result.outcome == 1]
        print(f"published {len(published.results)}, received {len(pulled.messages)}, settled {len(done)}")


if __name__ == "__main__":
    main(sys.argv[1])
