//! What the redirector takes at most, and what it does when it is too much.
