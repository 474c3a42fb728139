/*
 * cover.h - which cells of the transition table the worlds have reached
 *
 * What:    a cell is a state and an event of the table. Each one is reached, or
 *          listed in cover.c with the reason why no world can reach it.
 */
#ifndef SIM_COVER_H
#define SIM_COVER_H

#include "sim.h"

/* Prints the table if @verbose. Returns the number of cells that were missed,
 * printing each; cells that are listed as unreachable and were reached count
 * as missed, for the list is then wrong. */
uint32_t cover_report(const struct coverage *coverage, bool verbose);
/* Pairs of steps that have not followed each other; prints them if @verbose. */
uint32_t cover_orders_missed(const struct coverage *coverage, bool verbose);
/* As cover_report(), for orders of steps and numbers of branches and 2xx. */
uint32_t cover_forks(const struct coverage *coverage);
/* Cells reached, of how many. */
uint32_t cover_reached(const struct coverage *coverage, uint32_t *allp);

#endif
