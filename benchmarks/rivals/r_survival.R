# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# R's survival on the columns that benchmarks/survival.py wrote as raw doubles; prints one line of JSON.
arguments <- commandArgs(trailingOnly = TRUE)
who <- arguments[1]; work <- arguments[2]; folder <- arguments[3]; n <- as.numeric(arguments[4]); rounds <- as.numeric(arguments[5])
suppressPackageStartupMessages(library(survival))
files <- list.files(folder, full.names = TRUE)
d <- lapply(files, function(f) readBin(f, "double", n)); names(d) <- sub("[.]bin$", "", basename(files)); d <- as.data.frame(d)
covariates <- grep("^x", names(d), value = TRUE)
covariates <- covariates[order(as.integer(sub("x", "", covariates)))]
right <- paste(covariates, collapse = " + ")
days <- c(365, 1095, 1825)
se <- function(fit) c(coef(fit), sqrt(diag(vcov(fit))))
x <- if (who == "R_fit") as.matrix(d[covariates]) else NULL
rmst <- function(rows) { # area under each curve up to tau, by hand as survRM2 does
  fit <- survfit(Surv(time, event) ~ group, data = d[rows, ])
  summary(fit, rmean = 1825)$table[, "rmean"]
}
call <- switch(work,
  curves = function() {
    fit <- survfit(Surv(time, event) ~ group, data = d, conf.type = "log-log")
    test <- survdiff(Surv(time, event) ~ group, data = d)
    at <- summary(fit, times = days)
    c(at$surv, at$std.err, test$chisq)
  },
  cox = if (who == "R_fit") {
    function() {
      fit <- coxph.fit(x, Surv(d$time, d$event), NULL, NULL, NULL, coxph.control(), NULL, "efron", NULL)
      c(fit$coefficients, sqrt(diag(fit$var)))
    }
  } else function() se(coxph(as.formula(paste("Surv(time, event) ~", right)), data = d)),
  cox_continuous = function() se(coxph(as.formula(paste("Surv(time, event) ~", right)), data = d)),
  cox_entry = function() se(coxph(as.formula(paste("Surv(entry, time, event) ~", right)), data = d)),
  cox_robust = function() se(coxph(as.formula(paste("Surv(time, event) ~", right)), data = d, weights = d$weight, robust = TRUE)),
  after = function() {
    fit <- coxph(as.formula(paste("Surv(time, event) ~", right)), data = d, cluster = d$cluster)
    squares <- c(sum(residuals(fit, "martingale")^2), sum(residuals(fit, "dfbeta")^2))
    c(se(fit), fit$concordance[["concordance"]], squares)
  },
  incidence = function() {
    fit <- cmprsk::cuminc(d$time, d$cause, cencode = 0)
    unname(cmprsk::timepoints(fit, days)$est[1, ])
  },
  matching = function() {
    width <- 0.2 * sd(d$logit)
    fit <- MatchIt::matchit(treated ~ 1, data = d, method = "nearest", distance = d$logit, caliper = width, std.caliper = FALSE)
    theirs <- as.integer(fit$match.matrix[, 1]); mine <- as.integer(rownames(fit$match.matrix)); met <- !is.na(theirs)
    c(sum(met), sum(abs(d$logit[mine[met]] - d$logit[theirs[met]])), sum(theirs[met] - 1))
  },
  small_fits = {
    rows <- split(seq_along(d$time), d$cohort)
    xs <- lapply(rows, function(r) as.matrix(d[r, covariates])); ys <- lapply(rows, function(r) Surv(d$time[r], d$event[r]))
    function() {
      found <- mapply(function(x, y) {
        fit <- coxph.fit(x, y, NULL, NULL, NULL, coxph.control(), NULL, "efron", NULL)
        c(fit$coefficients[[1]], sqrt(fit$var[1, 1]))
      }, xs, ys)
      c(found[1, 1:20], found[2, 1:20])
    }
  },
  bootstrap = function() {
    drawn <- replicate(5, { rows <- c(sample(which(d$group == 0), replace = TRUE), sample(which(d$group == 1), replace = TRUE)); diff(rmst(rows)) })
    sd(drawn)
  }
)
size <- function(key) { line <- grep(key, readLines("/proc/self/status"), value = TRUE); as.numeric(gsub("[^0-9]", "", line)) / 1024 }
cat("5", file = "/proc/self/clear_refs") # the peak starts from what is held now
before <- size("VmRSS"); cpu <- wall <- numeric(0)
for (k in seq_len(rounds)) {
  took <- system.time(numbers <- call())
  cpu <- c(cpu, sum(took[c("user.self", "sys.self")])); wall <- c(wall, took[["elapsed"]])
}
list_of <- function(v) paste0("[", paste(ifelse(is.finite(v), format(v, digits = 17, trim = TRUE), "null"), collapse = ","), "]")
cat(sprintf('{"cpu": %s, "wall": %s, "extra_mb": %.1f, "peak_mb": %.1f, "numbers": %s, "version": "%s"}\n',
  list_of(cpu), list_of(wall), size("VmHWM") - before, size("VmHWM"), list_of(unname(numbers)),
  paste("R", getRversion(), if (who == "R_match") "MatchIt" else "survival", packageVersion(if (who == "R_match") "MatchIt" else "survival"))))
