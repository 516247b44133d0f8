//! The misbehaviours.

/// A misbehaviour of the demo agent.
pub struct Animal {
    pub name: &'static str,
    pub flags: &'static str,
    /// What is done with a draft.
    pub draft: &'static str,
    /// A directive that some prompts carry.
    pub directive: Option<&'static str>,
    /// Whether its window is resized while it works.
    pub resized: bool,
}

const fn animal(name: &'static str, flags: &'static str) -> Animal {
    Animal {
        name,
        flags,
        draft: "fail",
        directive: None,
        resized: false,
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
        resized: true,
        ..animal("old-repaint", "--repaint-old-on-resize")
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
