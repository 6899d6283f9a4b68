/* facts.c - the tables: each number's name in the status JSON, its metric, what it means. */
#include "facts.h"

#include <stdlib.h>

#define TABLE(name, rows) const struct tarn_fact_table name = {rows, sizeof(rows) / sizeof *(rows)}

/* Rows: a number of the JSON only; a counter or gauge; a further row of the metric above it. */
#define ONLY(m) {.name = #m, .offset = AT(m)}
#define METRIC(m, t, metric_, ...) {.name = #m, .type = TARN_FACT_##t, .metric = (metric_), .offset = AT(m), __VA_ARGS__}
#define HISTOGRAM(m, metric_, help_) {.type = TARN_FACT_HISTOGRAM, .metric = (metric_), .offset = AT(m), .help = (help_)}

#define AT(m) offsetof(struct tarn_facts, m)
static const struct tarn_fact agent_rows[] = {
    ONLY(pid),
    METRIC(uptime_s, GAUGE, "tarn_uptime_seconds", .help = "Time since the agent started."),
    ONLY(uptime_ms),
    ONLY(longest_turn_us),
    ONLY(longest_turn_cpu_us),
    METRIC(turns, COUNTER, "tarn_loop_turns_total", .help = "Turns of the ingest loop."),
    METRIC(requests, COUNTER, "tarn_api_requests_total", .help = "Requests to the API server that were begun."),
    METRIC(request_failures, COUNTER, "tarn_api_request_failures_total", .help = "Requests that ended otherwise than with a whole answer."),
    METRIC(bytes_received, COUNTER, "tarn_api_received_bytes_total", .help = "Bytes of answers from the API server."),
    METRIC(pauses, COUNTER, "tarn_api_pauses_total", .help = "Times a transfer was paused because its budget of a loop turn was used up."),
    METRIC(transfers, GAUGE, "tarn_api_transfers", .label = "state", .value = "active", .help = "Requests under way, and waiting for their turn."),
    METRIC(transfers_waiting, GAUGE, "tarn_api_transfers", .label = "state", .value = "waiting"),
    METRIC(refused_limit, COUNTER, "tarn_clients_refused_total", .label = "reason", .value = "limit", .help = "Clients turned away, by reason."),
    METRIC(refused_permission, COUNTER, "tarn_clients_refused_total", .label = "reason", .value = "permission"),
    METRIC(refused_other, COUNTER, "tarn_clients_refused_total", .label = "reason", .value = "other"),
    METRIC(api_connections, GAUGE, "tarn_read_api_connections", .help = "Connections to the read API."),
    METRIC(api_requests_get, COUNTER, "tarn_read_api_requests_total", .label = "verb", .value = "get",
           .help = "Requests to the read API by what they are; passed: on to the API server, or refused as nothing that is served here."),
    METRIC(api_requests_list, COUNTER, "tarn_read_api_requests_total", .label = "verb", .value = "list"),
    METRIC(api_requests_watch, COUNTER, "tarn_read_api_requests_total", .label = "verb", .value = "watch"),
    METRIC(api_requests_discovery, COUNTER, "tarn_read_api_requests_total", .label = "verb", .value = "discovery"),
    METRIC(api_requests_passed, COUNTER, "tarn_read_api_requests_total", .label = "verb", .value = "passed"),
    METRIC(api_refused_http, COUNTER, "tarn_read_api_refused_total", .label = "reason", .value = "http",
           .help = "Requests to the read API that were refused: by the HTTP server, 401, 403, 429 or 503 because what is asked for is not there yet."),
    METRIC(api_refused_unauthorized, COUNTER, "tarn_read_api_refused_total", .label = "reason", .value = "unauthorized"),
    METRIC(api_refused_forbidden, COUNTER, "tarn_read_api_refused_total", .label = "reason", .value = "forbidden"),
    METRIC(api_refused_unavailable, COUNTER, "tarn_read_api_refused_total", .label = "reason", .value = "unavailable"),
    METRIC(api_expired, COUNTER, "tarn_read_api_expired_total", .help = "Times a caller was told that its resourceVersion or continue token is too old (410)."),
    METRIC(api_watches, GAUGE, "tarn_read_api_watches", .help = "Watches that are served."),
    METRIC(api_events, COUNTER, "tarn_read_api_events_total", .help = "Events told to them."),
    METRIC(api_slow, COUNTER, "tarn_read_api_slow_watches_total", .help = "Watches that were ended because their reader was too slow."),
    METRIC(api_lists_held, GAUGE, "tarn_read_api_held_lists", .help = "Lists that are read page by page and hold a snapshot."),
    METRIC(api_bytes_sent, COUNTER, "tarn_read_api_sent_bytes_total", .help = "Bytes of the read API's answers."),
    METRIC(corrupt_reports, COUNTER, "tarn_corrupt_region_reports_total", .help = "Clients that said the region they read breaks its format."),
    METRIC(reloads_applied, COUNTER, "tarn_reloads_total", .label = "result", .value = "applied", .help = "SIGHUPs by what became of the configuration."),
    METRIC(reloads_refused, COUNTER, "tarn_reloads_total", .label = "result", .value = "refused"),
    ONLY(reload_age_ms),
    HISTOGRAM(turn_time, "tarn_loop_turn_seconds", "How long the ingest loop was busy between two waits."),
    HISTOGRAM(event_lag, "tarn_event_lag_seconds", "From the arrival of a change's bytes to the commit that shows it to readers."),
};
#undef AT
TABLE(tarn_facts_of_agent, agent_rows);

#define AT(m) offsetof(struct tarn_facts_realm, m)
static const struct tarn_fact realm_rows[] = {
    METRIC(generation, GAUGE, "tarn_generation", .help = "Number of the region that readers are given now; it grows by hand-overs."),
    ONLY(commit),
    METRIC(commits, COUNTER, "tarn_commits_total", .help = "Commits: moments that a snapshot can show."),
    ONLY(horizon),
    METRIC(objects, GAUGE, "tarn_objects", .help = "Objects in the region."),
    METRIC(puts, COUNTER, "tarn_writes_total", .label = "what", .value = "put", .help = "Changes written into the region; unchanged: what brought nothing new."),
    METRIC(deletes, COUNTER, "tarn_writes_total", .label = "what", .value = "delete"),
    METRIC(unchanged, COUNTER, "tarn_writes_total", .label = "what", .value = "unchanged"),
    METRIC(replaces, COUNTER, "tarn_replaces_total", .help = "Whole lists put in place as one commit."),
    METRIC(collections, COUNTER, "tarn_reclaim_rounds_total", .help = "Rounds of the collector."),
    METRIC(reclaimed, COUNTER, "tarn_reclaimed_versions_total", .help = "Versions of objects whose memory was taken back."),
    METRIC(clients, GAUGE, "tarn_clients", .help = "Attached clients."),
    METRIC(pins, GAUGE, "tarn_pins", .help = "Snapshots that clients hold."),
    METRIC(oldest_pin_age_ms, GAUGE, "tarn_oldest_pin_age_seconds", .ms = true, .help = "Age of the oldest snapshot held; 0: none is held."),
    METRIC(doorbells, COUNTER, "tarn_doorbells_total", .label = "result", .value = "sent", .help = "Wake-ups of waiting clients; full: the client had not yet read the last."),
    METRIC(doorbells_full, COUNTER, "tarn_doorbells_total", .label = "result", .value = "full"),
    METRIC(old_generations, GAUGE, "tarn_old_generations", .help = "Superseded regions that clients still read."),
    ONLY(old_generations_max),
    METRIC(old_bytes, GAUGE, "tarn_old_generations_bytes", .help = "Memory that they hold."),
    METRIC(old_clients, GAUGE, "tarn_old_generations_clients", .help = "Clients that read them."),
    METRIC(full_ms, GAUGE, "tarn_region_full_seconds", .ms = true, .help = "How long changes have waited because the region is full; 0: none waits."),
    METRIC(handovers_reload, COUNTER, "tarn_handovers_total", .label = "reason", .value = "reload",
           .help = "New generations by reason: another configuration, readers that may not read on, readers that hold memory, compaction."),
    METRIC(handovers_readers, COUNTER, "tarn_handovers_total", .label = "reason", .value = "readers"),
    METRIC(handovers_stuck, COUNTER, "tarn_handovers_total", .label = "reason", .value = "stuck_readers"),
    METRIC(handovers_compact, COUNTER, "tarn_handovers_total", .label = "reason", .value = "compaction"),
    METRIC(handovers_failed, COUNTER, "tarn_handovers_missed_total", .label = "reason", .value = "failed",
           .help = "New generations that were wanted and not made: they failed, or too many old ones are still read."),
    METRIC(handovers_at_bound, COUNTER, "tarn_handovers_missed_total", .label = "reason", .value = "bound"),
    METRIC(generations_freed, COUNTER, "tarn_generations_freed_total", .help = "Superseded regions that their last client has left."),
    METRIC(checkpoints, COUNTER, "tarn_checkpoints_total", .label = "result", .value = "saved", .help = "Checkpoints by what became of them."),
    METRIC(checkpoints_failed, COUNTER, "tarn_checkpoints_total", .label = "result", .value = "failed"),
    METRIC(checkpoint_age_ms, GAUGE, "tarn_checkpoint_age_seconds", .ms = true, .help = "Since this agent saved the last one; 0: it has saved none."),
    METRIC(checkpoint_bytes, GAUGE, "tarn_checkpoint_bytes", .help = "Size of the last one's file."),
    METRIC(checkpoint_ms, GAUGE, "tarn_checkpoint_duration_seconds", .ms = true, .help = "How long the last one took, beside the ingest loop."),
    ONLY(last_handover_us),
    ONLY(longest_handover_us),
    ONLY(apply_slices),
    ONLY(apply_slice_max_us),
    HISTOGRAM(commit_time, "tarn_commit_seconds", "How long a commit took that had changes to show."),
};
TABLE(tarn_facts_of_realm, realm_rows);

static const struct tarn_fact memory_rows[] = {
    METRIC(budget_bytes, GAUGE, "tarn_region_budget_bytes", .help = "Size of the region: its hard limit."),
    METRIC(taken_bytes, GAUGE, "tarn_region_taken_bytes", .help = "Memory of the region taken from the kernel."),
    METRIC(live_bytes, GAUGE, "tarn_region_bytes", .label = "state", .value = "live",
           .help = "Bytes of the region by state: live (reachable), retired (waiting for snapshots to end), staged (a list coming in), free."),
    METRIC(retired_bytes, GAUGE, "tarn_region_bytes", .label = "state", .value = "retired"),
    METRIC(staged_bytes, GAUGE, "tarn_region_bytes", .label = "state", .value = "staged"),
    METRIC(free_bytes, GAUGE, "tarn_region_bytes", .label = "state", .value = "free"),
    METRIC(private_bytes, GAUGE, "tarn_writer_private_bytes", .help = "Heap of the region's writer."),
    METRIC(pressure, GAUGE, "tarn_pressure", .help = "Last step of the pressure ladder: 0 none, 1 parked snapshots, 2 new generation, 3 leases, 4 writes refused."),
    METRIC(refused_full, COUNTER, "tarn_refused_objects_total", .label = "reason", .value = "full", .help = "Objects that the region did not take, by reason."),
    METRIC(refused_size, COUNTER, "tarn_refused_objects_total", .label = "reason", .value = "size"),
    METRIC(refused_index, COUNTER, "tarn_refused_objects_total", .label = "reason", .value = "index"),
    METRIC(refused_collision, COUNTER, "tarn_refused_objects_total", .label = "reason", .value = "collision"),
    METRIC(revoked_parked, COUNTER, "tarn_ladder_steps_total", .label = "step", .value = "revoke_parked",
           .help = "Steps taken under memory pressure: parked snapshots revoked, held ones revoked after their lease, a new generation asked for."),
    METRIC(revoked_lease, COUNTER, "tarn_ladder_steps_total", .label = "step", .value = "revoke_lease"),
    METRIC(generation_requests, COUNTER, "tarn_ladder_steps_total", .label = "step", .value = "new_generation"),
    METRIC(chunks_collapsed, COUNTER, "tarn_region_chunks_total", .label = "how", .value = "collapsed", .help = "2 MiB chunks made ready: collapsed to a large page, or populated page by page."),
    METRIC(chunks_populated, COUNTER, "tarn_region_chunks_total", .label = "how", .value = "populated"),
};
#undef AT
TABLE(tarn_facts_of_memory, memory_rows);

#define AT(m) offsetof(struct tarn_facts_generation, m)
static const struct tarn_fact generation_rows[] = {ONLY(generation), ONLY(bytes), ONLY(clients), ONLY(superseded_ms)};
#undef AT
TABLE(tarn_facts_of_generation, generation_rows);

#define AT(m) offsetof(struct tarn_facts_resource, m)
static const struct tarn_fact resource_rows[] = {
    METRIC(objects, GAUGE, "tarn_resource_objects", .help = "Objects of the resource."),
    METRIC(heap_bytes, GAUGE, "tarn_resource_heap_bytes", .help = "Heap held by the resource's decoders and buffers."),
    METRIC(failures, GAUGE, "tarn_resource_failures", .help = "Failures in a row; 0: the last attempt went well."),
    ONLY(http_code),
    ONLY(poll_ms),
    ONLY(probes),
    METRIC(deleted_kept, GAUGE, "tarn_deleted_kept", .help = "Deleted objects that can still be read (keepDeleted)."),
    METRIC(deleted_kept_bytes, GAUGE, "tarn_deleted_kept_bytes", .help = "Bytes of them."),
    METRIC(deleted_expired, COUNTER, "tarn_deleted_dropped_total", .label = "reason", .value = "expired", .help = "Kept deleted objects that were let go, or could not be kept, by reason."),
    METRIC(deleted_evicted, COUNTER, "tarn_deleted_dropped_total", .label = "reason", .value = "evicted"),
    METRIC(deleted_refused, COUNTER, "tarn_deleted_dropped_total", .label = "reason", .value = "refused"),
    METRIC(lists, COUNTER, "tarn_lists_total", .help = "LISTs begun."),
    METRIC(lists_ok, COUNTER, "tarn_lists_completed_total", .help = "Lists, streaming ones too, that were put in place."),
    METRIC(streaming_lists, COUNTER, "tarn_streaming_lists_total", .help = "Streaming lists begun."),
    METRIC(streaming_fallbacks, COUNTER, "tarn_streaming_list_fallbacks_total", .help = "Times a LIST was made because a streaming list had failed."),
    METRIC(relists, COUNTER, "tarn_relists_total", .help = "Lists begun after the first sync."),
    METRIC(list_pages, COUNTER, "tarn_list_pages_total", .help = "Pages of lists received."),
    ONLY(last_list_items),
    ONLY(last_list_ms),
    METRIC(watches, COUNTER, "tarn_watches_total", .help = "WATCHes asked for."),
    ONLY(events),
    METRIC(added, COUNTER, "tarn_watch_events_total", .label = "type", .value = "added", .help = "Watch events applied, by type."),
    METRIC(modified, COUNTER, "tarn_watch_events_total", .label = "type", .value = "modified"),
    METRIC(deleted, COUNTER, "tarn_watch_events_total", .label = "type", .value = "deleted"),
    METRIC(bookmarks, COUNTER, "tarn_watch_events_total", .label = "type", .value = "bookmark"),
    METRIC(list_errors, COUNTER, "tarn_errors_total", .label = "reason", .value = "list", .help = "What went wrong, by reason."),
    METRIC(watch_errors, COUNTER, "tarn_errors_total", .label = "reason", .value = "watch"),
    METRIC(expired, COUNTER, "tarn_errors_total", .label = "reason", .value = "expired"),
    METRIC(too_large, COUNTER, "tarn_errors_total", .label = "reason", .value = "too_large_resource_version"),
    METRIC(skipped, COUNTER, "tarn_errors_total", .label = "reason", .value = "skipped_object"),
    METRIC(store_errors, COUNTER, "tarn_errors_total", .label = "reason", .value = "store"),
    METRIC(rv_rewinds, COUNTER, "tarn_errors_total", .label = "reason", .value = "resource_version_rewind"),
    METRIC(mismatches, COUNTER, "tarn_errors_total", .label = "reason", .value = "mismatched_type"),
    METRIC(unknown_events, COUNTER, "tarn_errors_total", .label = "reason", .value = "unknown_event"),
    METRIC(event_age_ms, GAUGE, "tarn_resource_event_age_seconds", .ms = true, .help = "Time since the last event, bookmark or list."),
    METRIC(waiting, GAUGE, "tarn_resource_waiting_changes", .help = "Changes that wait until the region has room, or a list of another resource is in place."),
    ONLY(times_held),
    ONLY(waiting_bytes),
    METRIC(times_full, COUNTER, "tarn_resource_full_total", .help = "Times changes of the resource began to wait because the region was full."),
    METRIC(left_out, GAUGE, "tarn_resource_left_out_objects", .help = "Objects of the last list that are missing because they did not fit the region."),
    HISTOGRAM(list_time, "tarn_list_seconds", "How long lists took that were put in place."),
};
#undef AT
TABLE(tarn_facts_of_resource, resource_rows);

#define AT(m) offsetof(struct tarn_facts_client, m)
static const struct tarn_fact client_rows[] = {
    ONLY(uid), ONLY(generation), ONLY(attached_s), ONLY(pins), ONLY(parked), ONLY(oldest_pin_age_ms), ONLY(doorbells), ONLY(doorbells_full), ONLY(revoked),
};
#undef AT
TABLE(tarn_facts_of_client, client_rows);

void tarn_facts_free(struct tarn_facts *f)
{
    if (!f)
        return;
    tarn_arena_release(&f->arena);
    free(f);
}
