-- The due date that the user was reminded of: of each once, also when the reminder comes again.
ALTER TABLE tasks.task ADD COLUMN reminded_of timestamptz;
-- Of these the user was told before.
UPDATE tasks.task SET reminded_of = due_date WHERE due_date < millrace.now();
