//! The behaviour as it stands. A change holds at once, for work that waits as well.

use serde_json::Value;
use tokio::sync::watch;

use super::capacity::Places;
use crate::scenario::{Abandoned, GatewayBehaviour};

/// Why a change was refused. Nothing of it has been done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

#[derive(Debug)]
pub struct Standing {
    current: watch::Sender<GatewayBehaviour>,
    places: Places,
}

impl Standing {
    pub fn new(behaviour: GatewayBehaviour) -> Self {
        Self {
            places: Places::new(behaviour.capacity),
            current: watch::Sender::new(behaviour),
        }
    }

    pub fn now(&self) -> GatewayBehaviour {
        self.current.borrow().clone()
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Puts the keys of `change` in the place of what was there; the others stay.
    pub fn change(&self, change: Value) -> Result<GatewayBehaviour, Refused> {
        let Value::Object(change) = change else {
            return Err(Refused("a change is a JSON object".to_owned()));
        };
        let mut refused = None;
        // Under the lock of the watch, so that two changes at once cannot undo each other.
        self.current.send_if_modified(|current| {
            match merge(current, change) {
                Ok(merged) => {
                    self.places.set_capacity(merged.capacity);
                    *current = merged;
                }
                Err(error) => refused = Some(error),
            }
            refused.is_none()
        });
        refused.map_or_else(|| Ok(self.now()), Err)
    }

    /// Returns when work whose caller has gone is to end, which may be never.
    pub async fn cancels_abandoned(&self) {
        let mut behaviour = self.current.subscribe();
        let ends = behaviour.wait_for(|behaviour| behaviour.abandoned == Abandoned::Cancel);
        // It fails when the sender is dropped, which `self` holds.
        let _ = ends.await;
    }
}

fn merge(
    current: &GatewayBehaviour,
    change: serde_json::Map<String, Value>,
) -> Result<GatewayBehaviour, Refused> {
    let mut merged = serde_json::to_value(current).map_err(|error| Refused(error.to_string()))?;
    for (key, value) in change {
        merged[key.as_str()] = value;
    }
    serde_path_to_error::deserialize(merged).map_err(|error| {
        let key = error.path().to_string();
        match key.as_str() {
            "." => Refused(error.into_inner().to_string()),
            _ => Refused(format!("{key}: {}", error.inner())),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let standing = Standing::new(GatewayBehaviour {
            capacity: 40,
            ..GatewayBehaviour::default()
        });
        let changed = standing.change(json!({ "error_share": 0.5 })).unwrap();
        assert_eq!((changed.capacity, changed.error_share), (40, 0.5));
        assert_eq!(standing.now(), changed);
    }

    #[test]
    fn one_mistake_and_nothing_is_changed() {
        let standing = Standing::new(GatewayBehaviour::default());
        for (change, words) in [
            (json!({ "capacity": 4, "capacitee": 4 }), "capacitee"),
            (json!({ "capacity": 4, "error_share": 2 }), "error_share"),
            (
                json!({ "capacity": 4, "latency": { "fixed": 1 } }),
                "latency",
            ),
            (json!([1]), "object"),
        ] {
            let refused = standing.change(change.clone()).unwrap_err();
            assert!(refused.to_string().contains(words), "{change}: {refused}");
            assert_eq!(standing.now(), GatewayBehaviour::default());
        }
    }
}
