/*
 * load.c - SIP load for the bench: caller and callee in one loop
 *
 * What:    reads commands from standard input, one a line, runs each to its
 *          end and prints one line of JSON:
 *            calls FIRST COUNT INFLIGHT hold|full LIFE  whole calls, or their
 *                      set-up only; LIFE is fix:N, asc:LO:HI or rnd:LO:HI
 *                      ... BRANCHES  the same for calls that the proxy forks:
 *                      each branch rings, the last one answers
 *            ring FIRST COUNT INFLIGHT TAGS  calls that ring, with so many
 *                      To-tags each, as behind another proxy's fork
 *            answer FIRST COUNT INFLIGHT  their last tag answers; then held
 *            bye FIRST COUNT INFLIGHT    the caller ends held calls
 *            inside DIALOGS COUNT INFLIGHT RATE    MESSAGEs in held dialogs,
 *                      RATE a second, or as fast as they are answered (0)
 *            ended FIRST COUNT MS ENOUGH  waits for both BYEs of ENOUGH
 *                      calls from the proxy
 *            quit
 * Owns:    two UDP sockets on 127.0.0.1 and a record per call.
 * Time:    the monotonic clock; a call that makes no progress for half a
 *          second is sent again, 20 times at most.
 * Always:  call number n has Call-ID cN@b, tags fN and tN, and the R-URI's user
 *          part is the lifetime that the proxy shall give it, so every run
 *          sends the same bytes (but for the proxy's cookie). Who rings and
 *          does not answer has the tag tNxM.
 * Why:     closed loop: the proxy decides the pace, and figures of a fast and
 *          of a slow one can be compared.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

enum { PACKET_MAX = 65536, RESEND_MS = 500, TRIES = 20 };

enum phase { IDLE, INVITED, ANSWERED, HELD, ENDING, ENDED, RINGING };

struct call {
	char *route;  /* Route header line that leads through the proxy */
	char *invite; /* as the callee got it; RINGING */
	uint8_t rang; /* branches of the proxy */
	uint64_t sent_ms;
	uint32_t lifetime;
	uint8_t phase;
	uint8_t tries;
	bool bye_caller, bye_callee; /* BYEs that the proxy sent */
};

enum command { NONE, CALLS, BYES, INSIDE, WAIT_ENDED, RING, ANSWER };

struct load {
	int caller, callee, epoll, timer;
	struct sockaddr_in proxy;
	int proxy_port, caller_port, callee_port;
	struct call *calls;

	enum command command;
	uint32_t first, count, next, inflight, window;
	bool hold;
	uint32_t branches; /* of the proxy; CALLS */
	uint32_t tags;	   /* RING */
	uint32_t failed, resent;
	uint64_t deadline_ms;

	uint32_t enough;  /* WAIT_ENDED */
	uint32_t dialogs; /* INSIDE */
	uint64_t *sent_ns, *took_ns;
	uint32_t answered, cseq;
	uint64_t start_ns, gap_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ms(void)
{
	return now_ns() / 1000000u;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ------------------------------------------------------------- sockets */

static int open_socket(int port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int room = 16 << 20;
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port)};

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("bind");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd;
}

static void watch(struct load *load, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

__attribute__((format(printf, 3, 4))) static void put(struct load *load, int fd,
						      const char *format, ...)
{
	char packet[4096];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(packet, sizeof(packet), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(packet)) {
		fprintf(stderr, "load: message too long\n");
		exit(1);
	}
	/* What the kernel drops is sent again by resend_stuck(). */
	(void)!sendto(fd, packet, (size_t)len, 0,
		      (struct sockaddr *)&load->proxy, sizeof(load->proxy));
}

/* ------------------------------------------------------------- sending */

static void send_invite(struct load *load, uint32_t n)
{
	put(load, load->caller,
	    "INVITE sip:%u@127.0.0.1:%d SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKi%u\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:a@b.c>;tag=f%u\r\n"
	    "To: <sip:%u@b.c>\r\n"
	    "Call-ID: c%u@b\r\n"
	    "CSeq: 1 INVITE\r\n"
	    "Contact: <sip:a@127.0.0.1:%d>\r\n"
	    "%sContent-Length: 0\r\n\r\n",
	    load->calls[n].lifetime, load->callee_port, load->caller_port, n, n,
	    load->calls[n].lifetime, n, load->caller_port,
	    load->branches > 1 ? "X-Fork: yes\r\n" : "");
}

/* A request of the caller inside call @n. */
static void send_inside(struct load *load, uint32_t n, const char *method,
			uint32_t cseq)
{
	struct call *call = &load->calls[n];

	put(load, load->caller,
	    "%s sip:b@127.0.0.1:%d SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%c%u.%u\r\n"
	    "Max-Forwards: 70\r\n"
	    "%s"
	    "From: <sip:a@b.c>;tag=f%u\r\n"
	    "To: <sip:%u@b.c>;tag=t%u\r\n"
	    "Call-ID: c%u@b\r\n"
	    "CSeq: %u %s\r\n"
	    "Content-Length: 0\r\n\r\n",
	    method, load->callee_port, load->caller_port, method[0], n, cseq,
	    call->route ? call->route : "", n, call->lifetime, n, n, cseq,
	    method);
}

/* Number @leg of those that ring and lose; 0: who answers. */
static void send_reply_of(struct load *load, int fd, const char *packet,
			  const char *status, uint32_t leg)
{
	char lines[4096] = "", tag[32] = "";
	uint32_t n = 0;
	int len;
	const char *to = header(packet, "To:", &len);

	if (!to || !call_number(packet, &n) ||
	    strlen(packet) > sizeof(lines) / 2)
		return;
	copy_lines(packet, "Via:", lines);
	copy_lines(packet, "Record-Route:", lines);
	copy_lines(packet, "From:", lines);
	copy_lines(packet, "Call-ID:", lines);
	/* The 487 to the INVITE is made out of the CANCEL. */
	if (atoi(status) != 487)
		copy_lines(packet, "CSeq:", lines);
	if (!memmem(to, (size_t)len, ";tag=", 5))
		snprintf(tag, sizeof(tag), leg ? ";tag=t%ux%02u" : ";tag=t%u",
			 n, leg);
	put(load, fd,
	    "SIP/2.0 %s\r\n%s%.*s%s\r\nContact: <sip:b@127.0.0.1:%d>\r\n"
	    "Content-Length: 0\r\n\r\n",
	    status, lines, len, to, tag, load->callee_port);
}

static void send_reply(struct load *load, int fd, const char *packet,
		       const char *status)
{
	send_reply_of(load, fd, packet, status, 0);
}

/* ------------------------------------------------------------- calls */

static void begin(struct load *load, uint32_t n)
{
	struct call *call = &load->calls[n];

	call->sent_ms = now_ms();
	call->tries = 0;
	if (load->command == CALLS || load->command == RING) {
		call->phase = INVITED;
		call->rang = 0;
		send_invite(load, n);
	} else if (load->command == ANSWER) {
		call->phase = INVITED;
		if (call->invite)
			send_reply(load, load->callee, call->invite, "200 OK");
	} else {
		call->phase = ENDING;
		send_inside(load, n, "BYE", 1000000);
	}
}

static void refill(struct load *load)
{
	while (load->inflight < load->window && load->next < load->count) {
		load->inflight++;
		begin(load, load->first + load->next++);
	}
}

static void finish(struct load *load, struct call *call, enum phase phase)
{
	call->phase = (uint8_t)phase;
	load->inflight--;
	refill(load);
}

static void keep_route(struct call *call, const char *packet)
{
	char lines[2048] = "", *line;
	int len;

	if (call->route || header(packet, "Record-Route:", &len) == NULL)
		return;
	if (strlen(packet) > sizeof(lines))
		return;
	copy_lines(packet, "Record-Route:", lines);
	/* One proxy: the order of several lines need not be turned round. */
	line = lines + strlen("Record-");
	call->route = strdup(line);
}

static void on_caller_reply(struct load *load, const char *packet, uint32_t n)
{
	struct call *call = &load->calls[n];
	int code = atoi(packet + 8);

	if (code == 180 && load->command == RING && call->phase == INVITED &&
	    ++call->rang == load->tags)
		finish(load, call, RINGING);
	if (code < 200)
		return;
	if (cseq_is(packet, "MESSAGE")) {
		uint32_t i = cseq_number(packet) - load->cseq;

		if (load->command != INSIDE || i >= load->count ||
		    load->took_ns[i])
			return;
		load->took_ns[i] = now_ns() - load->sent_ns[i];
		load->failed += code != 200;
		load->answered++;
		load->inflight--;
	} else if (cseq_is(packet, "INVITE")) {
		if (code >= 300 && call->phase == INVITED) {
			load->failed++;
			finish(load, call, ENDED);
		} else if (code < 300) {
			keep_route(call, packet);
			if (call->phase == INVITED)
				call->phase = ANSWERED;
			send_inside(load, n, "ACK", 1);
		}
	} else if (cseq_is(packet, "BYE") && call->phase == ENDING) {
		load->failed += code != 200;
		free(call->route);
		call->route = NULL;
		finish(load, call, ENDED);
	}
}

/* All branches ring, the last one answers. */
static void on_branch(struct load *load, const char *packet, struct call *call)
{
	bool last = ++call->rang >= load->branches;
	uint32_t leg = last ? 0 : branch_of(packet);

	send_reply_of(load, load->callee, packet, "180 Ringing", leg);
	if (last)
		send_reply(load, load->callee, packet, "200 OK");
}

static void ring(struct load *load, const char *packet, struct call *call)
{
	for (uint32_t leg = 1; leg < load->tags; leg++)
		send_reply_of(load, load->callee, packet, "180 Ringing", leg);
	send_reply(load, load->callee, packet, "180 Ringing");
	free(call->invite);
	call->invite = strdup(packet);
}

static void on_callee_request(struct load *load, const char *packet, uint32_t n)
{
	struct call *call = &load->calls[n];

	if (strncmp(packet, "INVITE ", 7) == 0) {
		if (load->command == RING)
			ring(load, packet, call);
		else
			on_branch(load, packet, call);
	} else if (strncmp(packet, "CANCEL ", 7) == 0) {
		uint32_t leg = branch_of(packet);

		send_reply_of(load, load->callee, packet, "200 OK", leg);
		send_reply_of(load, load->callee, packet,
			      "487 Request Terminated", leg);
	} else if (strncmp(packet, "ACK ", 4) == 0) {
		/* Those for the failure of a branch go to its own address. */
		if (call->phase != ANSWERED ||
		    strncmp(packet, "ACK sip:b@", 10) != 0)
			return;
		if (load->hold) {
			finish(load, call, HELD);
			return;
		}
		call->phase = ENDING;
		call->sent_ms = now_ms();
		send_inside(load, n, "BYE", 2);
	} else {
		send_reply(load, load->callee, packet, "200 OK");
	}
}

static void on_packet(struct load *load, int fd, const char *packet)
{
	uint32_t n;

	if (!call_number(packet, &n))
		return;
	if (strncmp(packet, "SIP/2.0 ", 8) == 0) {
		if (fd == load->caller)
			on_caller_reply(load, packet, n);
		return;
	}
	/* Only the proxy itself sends BYE when nobody here ends the call. */
	if (strncmp(packet, "BYE ", 4) == 0 && load->calls[n].phase == HELD) {
		if (fd == load->caller)
			load->calls[n].bye_caller = true;
		else
			load->calls[n].bye_callee = true;
	}
	if (fd == load->callee)
		on_callee_request(load, packet, n);
	else
		send_reply(load, fd, packet, "200 OK");
}

static void resend_stuck(struct load *load)
{
	uint64_t now = now_ms();
	uint32_t i;

	for (i = 0; i < load->next && load->inflight; i++) {
		uint32_t n = load->first + i;
		struct call *call = &load->calls[n];

		if (call->phase == HELD || call->phase == ENDED ||
		    call->phase == IDLE || call->phase == RINGING ||
		    now - call->sent_ms < RESEND_MS)
			continue;
		if (++call->tries > TRIES) {
			load->failed++;
			finish(load, call, ENDED);
			continue;
		}
		call->sent_ms = now;
		load->resent++;
		if (call->phase == INVITED && load->command == ANSWER)
			send_reply(load, load->callee, call->invite, "200 OK");
		else if (call->phase == INVITED)
			send_invite(load, n);
		else if (call->phase == ANSWERED)
			send_inside(load, n, "ACK", 1);
		else
			send_inside(load, n, "BYE",
				    load->command == CALLS ? 2 : 1000000);
	}
}

/* ------------------------------------------------------------- inside */

static uint32_t scatter(uint32_t i, uint32_t below)
{
	uint64_t x = i + 1;

	x *= 0x9E3779B97F4A7C15u;
	x ^= x >> 31;
	x *= 0xBF58476D1CE4E5B9u;
	return (uint32_t)((x ^ (x >> 29)) % below);
}

static void inside_more(struct load *load)
{
	while (load->next < load->count) {
		uint32_t i = load->next;
		uint32_t n = load->first + scatter(i, load->dialogs);

		if (load->gap_ns &&
		    now_ns() < load->start_ns + (i + 1) * load->gap_ns)
			return;
		if (!load->gap_ns && load->inflight >= load->window)
			return;
		load->next++;
		load->inflight++;
		load->sent_ns[i] = now_ns();
		send_inside(load, n, "MESSAGE", load->cseq + i);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void inside_report(struct load *load, double seconds)
{
	uint32_t n = load->count;
	uint64_t *t = load->took_ns;
	const uint32_t half = n / 2, last_hundredth = n - 1 - n / 100;

	qsort(t, n, sizeof(*t), by_size);
	printf("{\"count\":%u,\"answered\":%u,\"failed\":%u,"
	       "\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"max_us\":%.1f}\n",
	       n, load->answered, load->failed, seconds, (double)t[half] / 1e3,
	       (double)t[last_hundredth] / 1e3, (double)t[n - 1] / 1e3);
	free(load->sent_ns);
	free(load->took_ns);
	load->sent_ns = load->took_ns = NULL;
}

/* ------------------------------------------------------------- loop */

static void drain(struct load *load, int fd)
{
	static char packet[PACKET_MAX];
	ssize_t len;

	while ((len = recv(fd, packet, sizeof(packet) - 1, 0)) > 0) {
		packet[len] = '\0';
		on_packet(load, fd, packet);
		if (load->command == INSIDE)
			inside_more(load);
	}
}

static void poll_once(struct load *load, int wait_ms)
{
	struct epoll_event events[4];
	int count = epoll_wait(load->epoll, events, 4, wait_ms);
	int i;

	for (i = 0; i < count; i++) {
		uint64_t ticks;

		if (events[i].data.fd == load->timer)
			(void)!read(load->timer, &ticks, sizeof(ticks));
		else
			drain(load, events[i].data.fd);
	}
}

static uint32_t both_ended(const struct load *load)
{
	uint32_t i, both = 0;

	for (i = 0; i < load->count; i++) {
		const struct call *call = &load->calls[load->first + i];

		both += call->bye_caller && call->bye_callee;
	}
	return both;
}

static bool running(struct load *load)
{
	if (load->command == INSIDE)
		return load->answered < load->count &&
		       now_ms() < load->deadline_ms;
	if (load->command == WAIT_ENDED)
		return both_ended(load) < load->enough &&
		       now_ms() < load->deadline_ms;
	return load->inflight > 0;
}

/* Paces INSIDE finer than epoll's milliseconds do. */
static void set_timer(struct load *load, long ns)
{
	struct itimerspec tick = {.it_interval.tv_nsec = ns,
				  .it_value.tv_nsec = ns};

	timerfd_settime(load->timer, 0, &tick, NULL);
}

static double run(struct load *load)
{
	uint64_t start = now_ns(), swept = now_ms();

	load->start_ns = start;
	load->failed = load->resent = 0;
	if (load->command != INSIDE && load->command != WAIT_ENDED)
		refill(load);
	while (running(load)) {
		if (load->command == INSIDE)
			inside_more(load);
		poll_once(load,
			  load->command == INSIDE && load->gap_ns ? 1 : 50);
		if (load->inflight && load->command != INSIDE &&
		    now_ms() - swept > RESEND_MS / 2) {
			swept = now_ms();
			resend_stuck(load);
		}
	}
	return (double)(now_ns() - start) / 1e9;
}

/* ------------------------------------------------------------- commands */

static bool set_lifetimes(struct load *load, const char *spec)
{
	uint32_t low = 0, high = 0, i;
	bool ascending = strncmp(spec, "asc:", 4) == 0;

	if (sscanf(spec, "fix:%u", &low) == 1)
		high = low;
	else if (sscanf(spec + 4, "%u:%u", &low, &high) != 2 || high < low)
		return false;
	for (i = 0; i < load->count; i++) {
		struct call *call = &load->calls[load->first + i];
		uint64_t span = high - low + 1;

		if (ascending)
			call->lifetime =
				low + (uint32_t)(span * i / load->count);
		else
			call->lifetime =
				low + scatter(load->first + i, (uint32_t)span);
	}
	return true;
}

static bool in_range(const struct load *load)
{
	return load->count > 0 && load->first < CALLS_MAX &&
	       load->count <= CALLS_MAX - load->first;
}

static void report_calls(const struct load *load, double seconds)
{
	printf("{\"count\":%u,\"failed\":%u,\"resent\":%u,\"seconds\":%.6f}\n",
	       load->count, load->failed, load->resent, seconds);
}

static bool run_calls(struct load *load, const char *line)
{
	char how[8], life[64];

	load->branches = 1;
	if (sscanf(line, "calls %u %u %u %7s %63s %u", &load->first,
		   &load->count, &load->window, how, life,
		   &load->branches) < 5 ||
	    !in_range(load) || !set_lifetimes(load, life))
		return false;
	load->command = CALLS;
	load->hold = strcmp(how, "hold") == 0;
	report_calls(load, run(load));
	return true;
}

static bool run_ring(struct load *load, const char *line)
{
	load->branches = 1;
	load->hold = true;
	if (sscanf(line, "ring %u %u %u %u", &load->first, &load->count,
		   &load->window, &load->tags) != 4 ||
	    !in_range(load) || !set_lifetimes(load, "fix:43200"))
		return false;
	load->command = RING;
	report_calls(load, run(load));
	return true;
}

/* Those who ring answer; those who are up hang up. */
static bool run_some(struct load *load, const char *range, enum command command)
{
	if (sscanf(range, "%u %u %u", &load->first, &load->count,
		   &load->window) != 3 ||
	    !in_range(load))
		return false;
	load->command = command;
	report_calls(load, run(load));
	return true;
}

static bool run_inside(struct load *load, const char *line)
{
	uint32_t rate;

	if (sscanf(line, "inside %u %u %u %u", &load->dialogs, &load->count,
		   &load->window, &rate) != 4 ||
	    !load->dialogs || !load->count || load->count > CALLS_MAX)
		return false;
	load->first = 0;
	load->gap_ns = rate ? 1000000000u / rate : 0;
	load->sent_ns = calloc(load->count, sizeof(*load->sent_ns));
	load->took_ns = calloc(load->count, sizeof(*load->took_ns));
	if (!load->sent_ns || !load->took_ns)
		die("calloc");
	load->answered = 0;
	load->deadline_ms = now_ms() + 120000;
	load->command = INSIDE;
	set_timer(load, load->gap_ns ? 250000 : 0);
	inside_report(load, run(load));
	set_timer(load, 0);
	/* CSeqs go on rising, for dialogs are used again. */
	load->cseq += load->count;
	return true;
}

static bool run_ended(struct load *load, const char *line)
{
	uint32_t ms;

	if (sscanf(line, "ended %u %u %u %u", &load->first, &load->count, &ms,
		   &load->enough) != 4 ||
	    !in_range(load))
		return false;
	load->command = WAIT_ENDED;
	load->deadline_ms = now_ms() + ms;
	run(load);
	printf("{\"count\":%u,\"both\":%u}\n", load->count, both_ended(load));
	return true;
}

static bool obey(struct load *load, const char *line)
{
	load->next = load->inflight = 0;
	if (strncmp(line, "calls ", 6) == 0)
		return run_calls(load, line);
	if (strncmp(line, "ring ", 5) == 0)
		return run_ring(load, line);
	if (strncmp(line, "answer ", 7) == 0)
		return run_some(load, line + 7, ANSWER);
	if (strncmp(line, "bye ", 4) == 0)
		return run_some(load, line + 4, BYES);
	if (strncmp(line, "inside ", 7) == 0)
		return run_inside(load, line);
	if (strncmp(line, "ended ", 6) == 0)
		return run_ended(load, line);
	return false;
}

static void set_up(struct load *load, char **argv)
{
	load->proxy_port = atoi(argv[1]);
	load->caller_port = atoi(argv[2]);
	load->callee_port = atoi(argv[3]);
	load->proxy.sin_family = AF_INET;
	load->proxy.sin_port = htons((uint16_t)load->proxy_port);
	load->proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load->caller = open_socket(load->caller_port);
	load->callee = open_socket(load->callee_port);
	load->calls = calloc(CALLS_MAX, sizeof(*load->calls));
	load->epoll = epoll_create1(0);
	load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (!load->calls || load->epoll < 0 || load->timer < 0)
		die("set-up");
	load->cseq = 2;
	watch(load, load->caller);
	watch(load, load->callee);
	watch(load, load->timer);
}

static bool input_waits(void)
{
	fd_set set;
	struct timeval no_time = {0, 0};

	FD_ZERO(&set);
	FD_SET(0, &set);
	return select(1, &set, NULL, NULL, &no_time) > 0;
}

int main(int argc, char **argv)
{
	struct load load = {0};
	char line[256];

	if (argc != 4) {
		fprintf(stderr, "usage: load PROXY CALLER CALLEE (ports)\n");
		return 2;
	}
	set_up(&load, argv);
	for (;;) {
		/* BYEs of the proxy are answered between commands, too. */
		if (!input_waits()) {
			poll_once(&load, 10);
			continue;
		}
		if (!fgets(line, sizeof(line), stdin) ||
		    strncmp(line, "quit", 4) == 0)
			break;
		if (!obey(&load, line))
			printf("{\"error\":\"bad command\"}\n");
		fflush(stdout);
	}
	free(load.calls);
	return 0;
}
