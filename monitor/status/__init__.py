"""Pages for the public: how monitors stand, what is planned, and what people say of it."""
