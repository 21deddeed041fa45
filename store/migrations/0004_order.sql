-- The newest first is the last stored first, whatever the clock said: moved back, it would put whatever comes
-- behind all that came before. Row numbers never go back.

DROP INDEX items_state;
CREATE INDEX items_state ON items (state, seq);
DROP INDEX items_unchunked;
CREATE INDEX items_unchunked ON items (seq) WHERE chunked = 0 AND state <> 'STORED';
