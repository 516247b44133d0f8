//! For what outlasts its request: noticing that a credential is no good any more.

use std::time::SystemTime;

use tokio::time::sleep;

use super::{Auth, AuthError, Identity};

impl Auth {
    /// Waits until somebody may no longer do what they could: their token was revoked or has expired, their user is gone or
    /// has another role. Never returns for the daemon's owner. Cancel safe.
    ///
    /// Files that another program has changed are looked at when anybody sends the next request.
    pub(crate) async fn revoked(&self, who: &Identity) {
        // Before the first look: what changes behind it is not missed.
        let mut changed = self.0.changed.subscribe();
        loop {
            let end = match self.good_until(who) {
                Ok(end) => end,
                // A file that can't be read takes nothing from those who are in.
                Err(error) if error.is_of_files() => None,
                Err(_) => return,
            };
            tokio::select! {
                Ok(()) = changed.changed() => {}
                () = until(end) => {}
            }
        }
    }

    /// When somebody's credential, which was good once, will end.
    ///
    /// # Errors
    /// It is no good any more, or a file can't be read.
    pub(super) fn good_until(&self, who: &Identity) -> Result<Option<SystemTime>, AuthError> {
        match who {
            Identity::Owner => Ok(None),
            Identity::Legacy(id) => self.0.legacy.end_of(id),
            Identity::Ticket { of, .. } => self.good_until(of),
            Identity::User(known) => {
                let token = self.0.tokens.find(&known.token_id)?;
                let now = self.bearer(&token)?;
                if (now.admin, &now.scopes) == (known.admin, &known.scopes) {
                    Ok(token.expires())
                } else {
                    Err(AuthError::BadToken)
                }
            }
        }
    }
}

async fn until(end: Option<SystemTime>) {
    match end {
        Some(end) => sleep(end.duration_since(SystemTime::now()).unwrap_or_default()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use llmux_protocol::api::{Secret, TokenRequest, UserRequest};
    use tokio::{
        task::{JoinHandle, yield_now},
        time::timeout,
    };

    use super::*;
    use crate::store::time;

    async fn with_users(dir: &Path) -> Auth {
        let auth = Auth::in_dir(dir);
        for username in ["alice", "bob"] {
            let user = UserRequest {
                username: username.to_owned(),
                name: username.to_owned(),
                passphrase: Secret::new("correct horse"),
                admin: false,
            };
            auth.create_user(&Identity::Owner, user).await.unwrap();
        }
        auth
    }

    async fn signed_in(auth: &Auth, username: &str, expires_at: Option<String>) -> Identity {
        let wish = TokenRequest {
            username: Some(username.to_owned()),
            expires_at,
            ..TokenRequest::default()
        };
        let minted = auth.mint(&Identity::Owner, wish).await.unwrap();
        auth.identify(minted.value.expose()).unwrap()
    }

    fn wait(auth: &Auth, who: &Identity) -> JoinHandle<()> {
        let (auth, who) = (auth.clone(), who.clone());
        tokio::spawn(async move { auth.revoked(&who).await })
    }

    async fn ends(waiting: JoinHandle<()>) {
        timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
    }

    /// Says that it goes on, after everybody who was woken has had a turn.
    async fn goes_on(waiting: &JoinHandle<()>) {
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(!waiting.is_finished());
    }

    #[tokio::test]
    async fn only_who_came_with_what_is_revoked_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let auth = with_users(dir.path()).await;
        let phone = signed_in(&auth, "alice", None).await;
        let laptop = signed_in(&auth, "alice", None).await;
        let bob = signed_in(&auth, "bob", None).await;
        let ticket = Identity::Ticket {
            of: Box::new(phone.clone()),
            session: "one".to_owned(),
        };
        let owner = wait(&auth, &Identity::Owner);
        let [on_phone, by_ticket, on_laptop, bobs] =
            [&phone, &ticket, &laptop, &bob].map(|who| wait(&auth, who));
        goes_on(&on_phone).await;
        let id = phone.token_id().unwrap().to_owned();
        auth.revoke(&Identity::Owner, id).await.unwrap();
        ends(on_phone).await;
        ends(by_ticket).await;
        // Who comes only now is told at once.
        ends(wait(&auth, &phone)).await;
        goes_on(&on_laptop).await;
        auth.delete_user(&Identity::Owner, "alice".to_owned())
            .await
            .unwrap();
        ends(on_laptop).await;
        goes_on(&bobs).await;
        auth.reset_passphrase(&Identity::Owner, "bob".to_owned(), &Secret::new("another horse"))
            .await
            .unwrap();
        ends(bobs).await;
        goes_on(&owner).await;
    }

    #[tokio::test]
    async fn a_token_that_ends_by_itself_is_noticed_when_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let auth = with_users(dir.path()).await;
        let end = SystemTime::now() + Duration::from_millis(300);
        let alice = signed_in(&auth, "alice", Some(time::rfc3339(end))).await;
        ends(wait(&auth, &alice)).await;
        assert!(SystemTime::now() + Duration::from_millis(1) >= end);
    }

    #[tokio::test]
    async fn what_another_program_changes_is_noticed_with_the_next_request_and_a_broken_file_takes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let auth = with_users(dir.path()).await;
        let alice = signed_in(&auth, "alice", None).await;
        let (users, tokens) = (
            dir.path().join("data/llmux/v2/users.json"),
            dir.path().join("data/llmux/v2/tokens.json"),
        );
        let waiting = wait(&auth, &alice);
        goes_on(&waiting).await;
        fs::write(&tokens, "nonsense").unwrap();
        assert!(auth.identify("sas_a.b").is_err());
        goes_on(&waiting).await;
        fs::write(&tokens, "[]").unwrap();
        assert!(auth.identify("sas_a.b").is_err());
        ends(waiting).await;
        // Another role is another one.
        let bob = signed_in(&auth, "bob", None).await;
        let waiting = wait(&auth, &bob);
        goes_on(&waiting).await;
        let promoted = fs::read_to_string(&users)
            .unwrap()
            .replace("\"admin\": false", "\"admin\": true");
        fs::write(&users, promoted).unwrap();
        assert!(auth.is_enabled());
        ends(waiting).await;
    }
}
