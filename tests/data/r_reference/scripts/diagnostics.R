# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# What comes after a Cox fit, carried to the optimum: residuals, cox.zph, concordance: diagnostics.json.
# Of residuals the first rows, the sums of squares and the sums times the row number stand for all rows.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))

WHY <- "sums over the fit at its optimum (R at eps 1e-13)"
EPS <- ", control=coxph.control(eps=1e-13, iter.max=50))"
used <- c("time", "event", "age", "sex", "ph_ecog", "inst", "wt_int", "wt_frac")
months <- 'd <- na.omit(d[used]); d$m <- ceiling(d$time / 60);'

models <- list(  # id: data, change, call without control
  lung.efron = list("lung.csv", "", "Surv(time, event) ~ age + sex + ph_ecog"),
  lung.breslow = list("lung.csv", "", 'Surv(time, event) ~ age + sex + ph_ecog, ties="breslow"'),
  months.efron = list("lung.csv", months, "Surv(m, event) ~ age + sex + ph_ecog, cluster=inst"),
  months.breslow = list("lung.csv", months, 'Surv(m, event) ~ age + sex + ph_ecog, ties="breslow", cluster=inst'),
  strata.efron = list("lung.csv", months, "Surv(m, event) ~ age + ph_ecog + strata(sex)"),
  wint.efron = list("lung.csv", months, "Surv(m, event) ~ age + ph_ecog + strata(sex), weights=wt_int"),
  wfrac.efron = list("lung.csv", months, "Surv(m, event) ~ age + sex, weights=wt_frac, cluster=inst"),
  wfrac.breslow = list("lung.csv", months, 'Surv(m, event) ~ age + sex, weights=wt_frac, ties="breslow"'),
  veteran.efron = list("veteran.csv", "", "Surv(time, event) ~ trt + karno + factor(celltype)"),
  heart.efron = list("heart.csv", "", "Surv(start, stop, event) ~ age + surgery + transplant, cluster=id"),
  rossi.efron = list("rossi_long.csv", "", "Surv(start, stop, event) ~ fin + age + prio + employed_lag1, cluster=id"),
  simlt.efron = list("sim_left_truncated.csv", "d$entry <- round(100*d$entry); d$time <- round(100*d$time);",
                     "Surv(entry, time, event) ~ arm + x")
)

told <- function(r) {
  r <- as.matrix(r)
  r[is.nan(r)] <- 0  # a deviance of 0 is the root of a rounding error: R says NaN
  list(first = rows_of(unname(head(r, 12))), squares = I(unname(colSums(r^2))),
       placed = I(unname(colSums(r * seq_len(nrow(r))))), n = nrow(r))
}

residuals_of <- function(f, d) {
  out <- list()
  for (kind in c("martingale", "deviance", "score", "schoenfeld", "scaledsch", "dfbeta", "dfbetas"))
    out[[kind]] <- told(residuals(f, type = kind))
  out$weighted_score <- told(residuals(f, type = "score", weighted = TRUE))
  out$unweighted_dfbeta <- told(residuals(f, type = "dfbeta", weighted = FALSE))
  by <- if (!is.null(f$call$cluster)) d[[as.character(f$call$cluster)]]
  if (length(by)) for (kind in c("martingale", "deviance", "score", "dfbeta"))
    out[[paste0("collapsed_", kind)]] <- told(residuals(f, type = kind, collapse = by, weighted = kind == "dfbeta"))
  out
}

zph_of <- function(f) {
  out <- list()
  for (transform in c("km", "identity", "rank", "log")) {
    z <- cox.zph(f, transform = transform, terms = FALSE)
    out[[transform]] <- list(chisq = I(unname(z$table[, "chisq"])), p = I(unname(z$table[, "p"])), x = told(z$x))
  }
  out$terms <- I(unname(cox.zph(f)$table[, "chisq"]))
  out
}

concordance_of <- function(f, d) {
  by <- if (!is.null(f$call$cluster)) d[[as.character(f$call$cluster)]]
  out <- list()
  entry <- ncol(f$y) == 3
  for (w in if (entry) "n" else c("n", "S", "S/G", "n/G2", "I")) {
    k <- if (length(by)) concordance(f, timewt = w, cluster = by, keepstrata = TRUE) else
      concordance(f, timewt = w, keepstrata = TRUE)
    out[[w]] <- list(concordance = unname(k$concordance), se = sqrt(k$var), counts = I(unname(c(k$count))))
  }
  k <- concordance(f, ymax = median(f$y[, ncol(f$y) - 1]), keepstrata = TRUE)
  out$half <- list(ymax = median(f$y[, ncol(f$y) - 1]), concordance = unname(k$concordance), se = sqrt(k$var),
                   counts = I(unname(c(k$count))))
  out
}

cases <- list()
for (id in names(models)) {
  m <- models[[id]]
  d <- data_of(m[[1]])
  d[] <- lapply(d, as.numeric)  # cox.zph of 3.5-3 fails on whole numbers with (start, stop] rows
  eval(parse(text = m[[2]]))
  call <- paste0("coxph(", m[[3]], ", data=d", EPS)
  f <- fit(call)
  text <- trimws(paste(m[[2]], call))
  cases[[paste0("r", id)]] <- case_of(paste0("residuals.", id), m[[1]], text, residuals_of(f, d), 1e-9, WHY)
  cases[[paste0("z", id)]] <- case_of(paste0("zph.", id), m[[1]], text, zph_of(f), 1e-8, WHY)
  cases[[paste0("c", id)]] <- case_of(paste0("concordance.", id), m[[1]], text, concordance_of(f, d), 1e-12,
                                      "counts of pairs, linear in them")
}
cases_to(cases, "diagnostics.json")
