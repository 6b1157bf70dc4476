//! Webhook endpoints: made, their secret replaced, deleted.

use keyward_base::{Error, Reason, Result, Revision, SecretBytes};
use keyward_vault::{AtRecord, Credential};

use super::{Room, WEBHOOK_SECRETS};
use crate::hooks::Name;
use crate::hooks::ring::Ring;
use crate::hookview::{Address, EndpointRow, secrets_in_words};

impl Room {
    fn endpoint_record(&self, name: &Name) -> Result<AtRecord> {
        self.place(WEBHOOK_SECRETS)?.record(&name.text())
    }

    /// A secret for `name`: the one that was pasted, or a new one.
    fn chosen(&self, name: &Name, pasted: Option<&SecretBytes>) -> Result<SecretBytes> {
        match pasted {
            Some(pasted) => Ok(SecretBytes::copy_of(pasted.expose())),
            None => self.desk.endpoints.webhook(name.sender).generate(),
        }
    }

    /// Makes an endpoint. Says its secret if it was made here, which is shown this once.
    /// `Misuse` says what is wrong with a secret that was pasted.
    pub(crate) async fn new_endpoint(
        &self,
        name: &Name,
        pasted: Option<&SecretBytes>,
    ) -> Result<Option<SecretBytes>> {
        let secret = self.chosen(name, pasted)?;
        let shown = pasted
            .is_none()
            .then(|| SecretBytes::copy_of(secret.expose()));
        let mut ring = Ring::default();
        ring.add(secret, self.desk.clock().now()?, name.sender.retries());
        ring.secrets(self.desk.endpoints.webhook(name.sender))?;
        let record = self.endpoint_record(name)?;
        record.insert(&Credential::opaque(ring.write())?).await?;
        self.desk.endpoints.changed(&self.tenant).await;
        Ok(shown)
    }

    /// Puts a secret in the place of the one there is, which counts for as long as deliveries that
    /// were signed with it may come. As [`Room::new_endpoint`].
    pub(crate) async fn replace_secret(
        &self,
        name: &Name,
        pasted: Option<&SecretBytes>,
        revision: Revision,
    ) -> Result<Option<SecretBytes>> {
        let record = self.endpoint_record(name)?;
        let opened = record.open().await?;
        if opened.revision() != revision {
            return Err(Error::rejected(Reason::CONFLICT));
        }
        let mut ring = Ring::parse(opened.bytes())?;
        let secret = self.chosen(name, pasted)?;
        let shown = pasted
            .is_none()
            .then(|| SecretBytes::copy_of(secret.expose()));
        ring.add(secret, self.desk.clock().now()?, name.sender.retries());
        ring.secrets(self.desk.endpoints.webhook(name.sender))?;
        let sealed = Credential::opaque(ring.write())?;
        record.replace(&sealed, revision).await?;
        self.desk.endpoints.changed(&self.tenant).await;
        Ok(shown)
    }

    /// Deletes an endpoint: from now on nothing that comes to it verifies. What came stays.
    pub(crate) async fn delete_endpoint(&self, name: &Name, revision: Revision) -> Result<()> {
        self.endpoint_record(name)?.delete(revision).await?;
        self.desk.endpoints.changed(&self.tenant).await;
        Ok(())
    }

    /// The endpoints there are.
    pub(crate) async fn all_endpoints(&self, host: &str) -> Result<Vec<EndpointRow>> {
        let mut rows = Vec::new();
        for (name, revision) in self.desk.endpoints.all(&self.tenant).await? {
            rows.push(self.endpoint_row(&name, revision, host).await);
        }
        Ok(rows)
    }

    /// One of them.
    pub(crate) async fn one_endpoint(&self, name: &Name, host: &str) -> Result<EndpointRow> {
        let all = self.desk.endpoints.all(&self.tenant).await?;
        let found = all.into_iter().find(|(known, _)| known == name);
        let (_, revision) = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        Ok(self.endpoint_row(name, revision, host).await)
    }

    /// One whose secrets cannot be opened is listed all the same.
    async fn endpoint_row(&self, name: &Name, revision: Revision, host: &str) -> EndpointRow {
        let secrets = match self.desk.endpoints.secrets(&self.tenant, name).await {
            Ok(Some(secrets)) => match self.desk.clock().now() {
                Ok(now) => secrets_in_words(&secrets, now),
                Err(_) => Vec::new(),
            },
            Ok(None) => Vec::new(),
            Err(error) => {
                crate::log::failure(&error);
                Vec::new()
            }
        };
        EndpointRow {
            id: name.text(),
            name: name.id.as_str().to_owned(),
            sender: name.sender,
            path: format!("/webhooks/{}", crate::view::address(&name.text())),
            address: Address {
                host: host.to_owned(),
                path: self.hook_path(name),
            },
            secrets,
            revision: revision.number(),
        }
    }

    fn hook_path(&self, name: &Name) -> String {
        format!(
            "/hooks/{}/{}/{}",
            name.sender.word(),
            self.tenant,
            crate::view::address(name.id.as_str())
        )
    }
}
