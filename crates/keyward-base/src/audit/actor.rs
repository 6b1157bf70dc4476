//! Who acts, on whose behalf, and in which request.

use std::fmt;
use std::sync::Arc;

use crate::id::{RequestId, Subject};

/// Who acts. A cheap clone. Without one, an event is the service's own.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    subject: Subject,
    staff: bool,
    on_behalf_of: Option<Subject>,
    request: Option<RequestId>,
}

impl Actor {
    /// A person or a program, by the id that the application gave it. An id says who it is, and
    /// is no secret: no token, no e-mail address that must not be logged.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        Self(Arc::new(Inner {
            subject,
            staff: false,
            on_behalf_of: None,
            request: None,
        }))
    }

    /// The same, as one of the service's own people rather than one of its customers'.
    #[must_use]
    pub fn staff(mut self) -> Self {
        Arc::make_mut(&mut self.0).staff = true;
        self
    }

    /// The same, acting for another subject.
    #[must_use]
    pub fn on_behalf_of(mut self, subject: Subject) -> Self {
        Arc::make_mut(&mut self.0).on_behalf_of = Some(subject);
        self
    }

    /// The same, in the request of that id.
    #[must_use]
    pub fn in_request(mut self, request: RequestId) -> Self {
        Arc::make_mut(&mut self.0).request = Some(request);
        self
    }

    /// The person or service that acts.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// Whether it is one of the service's own people.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.0.staff
    }

    /// The subject on whose behalf it acts; none if it acts for itself.
    #[must_use]
    pub fn for_whom(&self) -> Option<&Subject> {
        self.0.on_behalf_of.as_ref()
    }

    /// The id of the request in which it acts, if it has one.
    #[must_use]
    pub fn request(&self) -> Option<&RequestId> {
        self.0.request.as_ref()
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("subject", &self.0.subject)
            .field("staff", &self.0.staff)
            .field("on_behalf_of", &self.0.on_behalf_of)
            .field("request", &self.0.request)
            .finish()
    }
}
