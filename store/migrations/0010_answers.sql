-- What a language model answered for a stretch of an item's text: the same model, asked the same of the same
-- text, is not asked again.

CREATE TABLE answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    prompt BLOB NOT NULL,                   -- SHA-256 of the model's identity and all that is asked but the text
    stretch BLOB NOT NULL,                  -- SHA-256 of the text
    read INTEGER NOT NULL,                  -- characters of it that the model took in
    answer TEXT NOT NULL                    -- as it came, JSON
);
CREATE UNIQUE INDEX answers_asked ON answers (item, prompt, stretch);
