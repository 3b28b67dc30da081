/// The project that bare names get without another.
const DEFAULT: &str = "default";

/// How names are completed on their way to the broker, and shortened on their way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    project: Option<String>,
}

impl Names {
    pub(crate) fn new(project: Option<String>) -> Self {
        Self { project: project.map(|name| name.trim_start_matches("projects/").to_owned()) }
    }

    /// The project to list; empty is the broker's default.
    pub(crate) fn project(&self) -> &str {
        self.project.as_deref().unwrap_or_default()
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        self.full("topics", name)
    }

    pub(crate) fn subscription(&self, name: &str) -> String {
        self.full("subscriptions", name)
    }

    fn full(&self, kind: &str, name: &str) -> String {
        match &self.project {
            Some(project) if !name.is_empty() && !name.contains('/') => {
                format!("projects/{project}/{kind}/{name}")
            }
            _ => name.to_owned(),
        }
    }

    /// The name without its project, if that is the one at hand.
    pub(crate) fn short<'a>(&self, full: &'a str) -> &'a str {
        let project = self.project.as_deref().unwrap_or(DEFAULT);
        let rest = full.strip_prefix("projects/").and_then(|rest| rest.strip_prefix(project));
        let rest = rest.and_then(|rest| rest.strip_prefix('/'));
        rest.and_then(|rest| rest.split_once('/')).map_or(full, |(_, name)| name)
    }
}

/// The project of a full name.
pub(crate) fn project_of(full: &str) -> &str {
    full.strip_prefix("projects/").and_then(|rest| rest.split('/').next()).unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_get_the_project_and_full_ones_stay() {
        let names = Names::new(Some("shop".to_owned()));
        assert_eq!(names.topic("orders"), "projects/shop/topics/orders");
        assert_eq!(names.subscription("projects/a/subscriptions/b"), "projects/a/subscriptions/b");
        assert_eq!(Names::default().topic("orders"), "orders");
        assert_eq!(names.topic(""), "", "the broker says what is wrong with it");
    }

    #[test]
    fn names_of_the_project_at_hand_are_shown_bare() {
        let names = Names::new(Some("projects/shop".to_owned()));
        assert_eq!(names.short("projects/shop/topics/orders"), "orders");
        assert_eq!(names.short("projects/shopping/topics/orders"), "projects/shopping/topics/orders");
        assert_eq!(Names::default().short("projects/default/subscriptions/b"), "b");
        assert_eq!(project_of("projects/shop/topics/orders"), "shop");
    }
}
