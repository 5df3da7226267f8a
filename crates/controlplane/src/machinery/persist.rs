//! How users go about a request that failed: they try again while the answer may be another next time.

use super::ApiError;
use object::Value;
use sim::Ctx;
use std::time::Duration;

/// The pause before a request is sent again.
const RETRY: Duration = Duration::from_secs(1);

/// Sends a request again and again, for as long as `patience` lasts, while its failure may pass by itself.
///
/// # Errors
/// The last answer.
pub async fn persist(
    ctx: &Ctx,
    patience: Duration,
    send: impl AsyncFn() -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let end = ctx.now() + patience;
    loop {
        match send().await {
            Err(error) if is_passing(&error) && ctx.now() < end => ctx.sleep(RETRY).await,
            answer => return answer,
        }
    }
}

/// Tells whether a failure may pass by itself.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Refused | ApiError::Disconnected | ApiError::TimedOut => true,
        ApiError::Status { code, .. } => *code == 429 || *code >= 500 || error.is_conflict(),
    }
}
