//! A request of any unary method, and tables of those that are refused.

use fanfare_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{Server, reason};

macro_rules! calls {
    ($($request:ident => $client:ident.$method:ident,)*) => {
        /// A request of any unary method.
        #[derive(Debug, Clone)]
        #[allow(clippy::enum_variant_names, reason = "they are called as in the proto")]
        pub(crate) enum Call {
            $($request(v1::$request),)*
        }

        impl Call {
            pub(crate) async fn send(self, server: &Server) -> Result<(), Status> {
                match self {
                    $(Self::$request(request) => server.$client().$method(request).await.map(drop),)*
                }
            }
        }

        $(impl From<v1::$request> for Call {
            fn from(request: v1::$request) -> Self {
                Self::$request(request)
            }
        })*
    };
}

calls! {
    CreateTopicRequest => topics.create_topic,
    GetTopicRequest => topics.get_topic,
    UpdateTopicRequest => topics.update_topic,
    ListTopicsRequest => topics.list_topics,
    DeleteTopicRequest => topics.delete_topic,
    PublishRequest => publisher.publish,
    CreateSubscriptionRequest => subscriptions.create_subscription,
    GetSubscriptionRequest => subscriptions.get_subscription,
    UpdateSubscriptionRequest => subscriptions.update_subscription,
    ListSubscriptionsRequest => subscriptions.list_subscriptions,
    DeleteSubscriptionRequest => subscriptions.delete_subscription,
    ConfirmSubscriptionRequest => subscriptions.confirm_subscription,
    PauseSubscriptionRequest => subscriptions.pause_subscription,
    ResumeSubscriptionRequest => subscriptions.resume_subscription,
    SeekSubscriptionRequest => subscriptions.seek_subscription,
    TestFilterRequest => subscriptions.test_filter,
    PullRequest => subscriber.pull,
    AcknowledgeRequest => subscriber.acknowledge,
    NackRequest => subscriber.nack,
    ExtendLeaseRequest => subscriber.extend_lease,
    GetTopicStatsRequest => admin.get_topic_stats,
    GetSubscriptionStatsRequest => admin.get_subscription_stats,
}

/// What is sent, the field that is at fault, and a part of the text.
pub(crate) struct Row(Call, &'static str, &'static str);

pub(crate) fn row(call: impl Into<Call>, field: &'static str, text: &'static str) -> Row {
    Row(call.into(), field, text)
}

/// Sends every row, and checks at the end that the server is none the worse for it.
pub(crate) async fn all_are_refused(rows: Vec<Row>) {
    let server = Server::with_topic().await;
    for Row(call, field, text) in rows {
        let shown: String = format!("{call:?}").chars().take(200).collect();
        let status = call.send(&server).await.expect_err(&shown);
        assert_eq!(status.code(), Code::InvalidArgument, "{shown}: {status:?}");
        assert_eq!(reason(&status), "INVALID_FIELD", "{shown}");
        let details = status.get_error_details();
        let violation = &details.bad_request().expect(&shown).field_violations[0];
        assert_eq!(violation.field, field, "{shown}: {}", violation.description);
        assert!(violation.description.contains(text), "{shown}: {:?} has no {text:?}", violation.description);
        assert!(status.message().starts_with(field), "{shown}: {}", status.message());
    }
    server.publish(&["still here"]).await;
    assert_eq!(server.pull(1).await.len(), 1);
}

pub(crate) fn long(length: usize) -> String {
    "x".repeat(length)
}
