//! The misbehaviours.

/// A misbehaviour of the demo agent.
pub struct Animal {
    pub name: &'static str,
    pub flags: &'static str,
    /// What is done with a draft.
    pub draft: &'static str,
    /// A directive that some prompts carry.
    pub directive: Option<&'static str>,
    /// What happens to it while it works.
    pub trouble: Option<Trouble>,
}

/// What happens to an agent while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its window gets another size.
    Resize,
    /// Its turn is cancelled, or one that waits.
    Cancel,
    /// It is killed, and started again.
    Kill,
}

const fn animal(name: &'static str, flags: &'static str) -> Animal {
    Animal {
        name,
        flags,
        draft: "fail",
        directive: None,
        trouble: None,
    }
}

/// All of them.
pub const ANIMALS: &[Animal] = &[
    animal("plain", ""),
    animal("unbracketed", "--no-bracketed"),
    animal("burst", "--burst 120 --no-bracketed"),
    animal("paste-guard", "--paste-guard 60"),
    animal("swallowed-enter", "--swallow-enter 1"),
    animal("slow-mount", "--mount 1000"),
    Animal {
        draft: "replace",
        ..animal("draft", "--draft half-typed")
    },
    animal("ghost", "--ghost 'try this'"),
    animal("vim", "--vim"),
    animal("full-repaint", "--full-repaint"),
    animal("alt-screen", "--alt-screen"),
    Animal {
        trouble: Some(Trouble::Resize),
        ..animal("old-repaint", "--repaint-old-on-resize")
    },
    Animal {
        trouble: Some(Trouble::Kill),
        ..animal("killed", "")
    },
    Animal {
        trouble: Some(Trouble::Cancel),
        ..animal("cancelled", "")
    },
    Animal {
        trouble: Some(Trouble::Resize),
        ..animal("resized", "")
    },
    Animal {
        trouble: Some(Trouble::Cancel),
        ..animal("restored-draft", "--restore-draft")
    },
    animal("bullet-marker", "--marker-style bullet"),
    animal("wrapped-marker", "--marker-style wrapped"),
    animal("mangled-marker", "--marker-style mangled"),
    animal("status", "--osc-status"),
    animal("title", "--title"),
    Animal {
        directive: Some("[[nomark]]"),
        ..animal("no-marker", "")
    },
    Animal {
        directive: Some("[[ask]]"),
        ..animal("asking", "")
    },
    Animal {
        directive: Some("[[error]]"),
        ..animal("failing", "")
    },
];
