//! The operations of the interface, by the names that its OpenAPI document gives them. A new route is a line here and a
//! method of [`Client`](crate::Client); a test holds both against the document.

use http::Method;

macro_rules! operations {
    ($($name:ident = $id:literal, $method:ident $path:literal;)*) => {
        /// An operation of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($method), " ", $path, "`")] $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in the OpenAPI document.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Its method.
            pub fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// Its path, with `{}` around what has to be put in.
            pub fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }
        }
    };
}

operations! {
    ListOrders = "list_orders", GET "/agent-work-orders";
    CreateOrder = "create_order", POST "/agent-work-orders";
    GetOrder = "get_order", GET "/agent-work-orders/{id}";
    DeleteOrder = "delete_order", DELETE "/agent-work-orders/{id}";
    StartOrder = "start_order", POST "/agent-work-orders/{id}/start";
    CancelOrder = "cancel_order", POST "/agent-work-orders/{id}/cancel";
    RetryOrder = "retry_order", POST "/agent-work-orders/{id}/retry";
    PromptOrder = "prompt_order", POST "/agent-work-orders/{id}/prompt";
    ListSteps = "list_steps", GET "/agent-work-orders/{id}/steps";
    GetStepOutput = "get_step_output", GET "/agent-work-orders/{id}/steps/{n}/output";
    GetStepTranscript = "get_step_transcript", GET "/agent-work-orders/{id}/steps/{n}/transcript";
    ListArtifacts = "list_artifacts", GET "/agent-work-orders/{id}/artifacts";
    GetArtifact = "get_artifact", GET "/agent-work-orders/{id}/artifacts/{name}";
    GetGitProgress = "get_git_progress", GET "/agent-work-orders/{id}/git-progress";
    GetDiff = "get_diff", GET "/agent-work-orders/{id}/diff";
    GetStepDiff = "get_step_diff", GET "/agent-work-orders/{id}/steps/{n}/diff";
    ListEvents = "list_events", GET "/agent-work-orders/{id}/events";
    FollowOrders = "follow_orders", GET "/agent-work-orders/events";
    ListLogs = "list_logs", GET "/agent-work-orders/{id}/logs";
    FollowLogs = "follow_logs", GET "/agent-work-orders/{id}/logs/stream";
    GetStepStats = "get_step_stats", GET "/agent-work-orders/stats/steps";
    ListRepositories = "list_repositories", GET "/agent-work-orders/repositories";
    CreateRepository = "create_repository", POST "/agent-work-orders/repositories";
    GetRepository = "get_repository", GET "/agent-work-orders/repositories/{rid}";
    UpdateRepository = "update_repository", PATCH "/agent-work-orders/repositories/{rid}";
    DeleteRepository = "delete_repository", DELETE "/agent-work-orders/repositories/{rid}";
    VerifyConfiguredRepository = "verify_configured_repository", POST "/agent-work-orders/repositories/{rid}/verify";
    VerifyRepository = "verify_repository", POST "/agent-work-orders/github/verify-repository";
    ListWorkers = "list_workers", GET "/agent-work-orders/workers";
    PauseQueue = "pause_queue", POST "/agent-work-orders/workers/pause";
    ResumeQueue = "resume_queue", POST "/agent-work-orders/workers/resume";
    GetHealth = "get_health", GET "/health";
    GetLiveness = "get_liveness", GET "/health/live";
    GetReadiness = "get_readiness", GET "/health/ready";
    GetMetrics = "get_metrics", GET "/metrics";
    GetService = "get_service", GET "/";
    GetOpenapi = "get_openapi", GET "/openapi.json";
    CreateLoginLink = "create_login_link", POST "/login-links";
    FollowLoginLink = "follow_login_link", GET "/login";
    DeleteSession = "delete_session", POST "/logout";
}
