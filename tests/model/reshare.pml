/* The rules by which members of a key go from one certificate to the next (docs/reshare.md, Numbers): who may sign what,
   when a node activates a certificate, what it deletes. Three old and three new members, two of three each; two
   attempts, one after the other or at once, from the key's certificate or the first attempt's, over any of three new
   committees; nobody or one node is corrupt; any node may crash at any moment, come back or not; messages are lost, late
   or shown to whomever the network and the corrupt node like. Dealing, proofs and echo are not here: an attempt is its
   members in a session, whose memory a crash wipes.

   Safety, in every reachable state (check): two honest nodes hold shares of one complete certificate, t of them without
   the corrupt one. Liveness, wherever nothing more can happen (the end of init): all nodes that are up have the same
   certificate in force, and its members among them have their shares, so that two of them can sign and deal. Nothing
   happens for ever: shares, signatures and epochs only go one way and crashes are counted, so every run in which nobody
   waits for ever gets there.

   CRASHES=k: how many there are in one run.

   With one of these defined a rule is broken, and the checks must fail:
     EPOCH_PLUS_ONE  the number is the active one's plus one, and a new attempt replaces what was prepared before
     FORGET          a prepared share is dropped when its session times out
     DELETE_EARLY    the old share goes when the new one is prepared
     NO_ORDER        of two complete certificates of one number neither counts as greater */

#define NODES 6
#define CERTIFICATES 3
#define T 2
#define NONE 7

#define bit(j) (1 << (j))
#define in(j, set) (((set) >> (j)) & 1)
#define honest(j) ((j) != corrupt)
#define started(c) (members[c] != 0)

/* Certificate 0 is the key's, of the old members 0, 1, 2. */
byte members[CERTIFICATES];   /* sets of nodes */
byte number[CERTIFICATES];
byte base[CERTIFICATES];
byte session[CERTIFICATES];   /* members with the attempt in memory */
byte signatures[CERTIFICATES];
byte epoch[NODES];           /* the certificate in force */
byte shares[NODES];           /* set of certificates: on disk */
byte highest[NODES];          /* the greatest number signed: on disk, as part of the shares kept */
byte up = 63;
byte corrupt = NONE;          /* signs everything, shows it to whom it likes, keeps nothing */
byte crashes = CRASHES;
bit network = 1;              /* what need not happen may still happen */

/* all honest members have signed; a corrupt one has, as far as anybody knows */
#define complete(c) (started(c) && ((signatures[c] | (corrupt == NONE -> 0 : bit(corrupt))) & members[c]) == members[c])
#ifdef NO_ORDER
#define greater(c, d) (number[c] > number[d])
#else
#define greater(c, d) (number[c] > number[d] || (number[c] == number[d] && (c) > (d)))
#endif

#define holds(j, c) (honest(j) && in(c, shares[j]) && in(j, members[c]))
#define usable(c) (complete(c) && holds(0, c) + holds(1, c) + holds(2, c) + holds(3, c) + holds(4, c) + holds(5, c) >= T)

inline check() { assert(usable(0) || usable(1) || usable(2)) }

/* ---- what a node does, each in one database transaction */

#ifdef EPOCH_PLUS_ONE
#define may_sign(j, c) (number[c] == number[epoch[j]] + 1 && epoch[j] == base[c])
#else
#define may_sign(j, c) (number[c] > highest[j] && number[c] > number[epoch[j]] && epoch[j] == base[c])
#endif

inline prepare(j, c) {
  session[c] = session[c] & ~bit(j);
#ifdef EPOCH_PLUS_ONE
  shares[j] = shares[j] & bit(epoch[j]);
#endif
#ifdef DELETE_EARLY
  shares[j] = 0;
#endif
  shares[j] = shares[j] | bit(c);
  highest[j] = number[c];
  check()
}

inline drop_below(j, c, d) {
  if
  :: d != c && !greater(d, c) -> shares[j] = shares[j] & ~bit(d)
  :: else
  fi
}
inline activate(j, c) {
  epoch[j] = c;
  drop_below(j, c, 0);
  drop_below(j, c, 1);
  drop_below(j, c, 2);
  check()
}

/* Somebody who is up has it, or all who signed are up and repeat their signatures. */
#define has(k, c) (honest(k) && in(k, up) && epoch[k] == (c))
#define obtainable(c) (complete(c) && (has(0, c) || has(1, c) || has(2, c) || has(3, c) || has(4, c) || has(5, c) || \
    ((members[c] & up) == members[c] && (corrupt == NONE || !in(corrupt, members[c])))))

#define can_prepare(j, c) (network && in(j, up) && in(j, session[c]) && may_sign(j, c))
#define can_sign(j, c) (in(j, up) && in(c, shares[j]) && in(j, members[c]) && !in(j, signatures[c]))
#define can_learn(j, c) (in(j, up) && obtainable(c) && greater(c, epoch[j]))

proctype Node(byte j) {
  do
  :: atomic { can_prepare(j, 1) -> prepare(j, 1) }
  :: atomic { can_prepare(j, 2) -> prepare(j, 2) }
  :: atomic { can_sign(j, 1) -> signatures[1] = signatures[1] | bit(j); check() }
  :: atomic { can_sign(j, 2) -> signatures[2] = signatures[2] | bit(j); check() }
  :: atomic { can_learn(j, 1) -> activate(j, 1) }
  :: atomic { can_learn(j, 2) -> activate(j, 2) }
  od
}

/* ---- what need not happen: attempts, crashes, a certificate shown to one node alone, time-outs */

#define can_deal(k, b) (in(k, up) && in(k, members[b]) && (k == corrupt || (epoch[k] == (b) && in(b, shares[k]))))
#define dealers(b) (can_deal(0, b) + can_deal(1, b) + can_deal(2, b) + can_deal(3, b) + can_deal(4, b) + can_deal(5, b))

inline raise(j) {  /* what member j reports */
  if
  :: in(j, members[c]) && honest(j) && number[c] <= highest[j] -> number[c] = highest[j] + 1
  :: else
  fi;
  if
  :: in(j, members[c]) && honest(j) && number[c] <= number[epoch[j]] -> number[c] = number[epoch[j]] + 1
  :: else
  fi
}

proctype Attempt(byte c) {
  byte set, b;
  atomic {
    if :: set = 7 :: set = 28 :: set = 56 fi;  /* the same members; two of them new; all new */
    if :: b = 0 :: b = c - 1 fi;
    if
    :: network && (set & up) == set && complete(b) && dealers(b) >= T ->
      members[c] = set;
      base[c] = b;
      session[c] = set & ~(corrupt == NONE -> 0 : bit(corrupt));
      number[c] = number[b] + 1;
#ifndef EPOCH_PLUS_ONE
      raise(0); raise(1); raise(2); raise(3); raise(4); raise(5)
#endif
    :: else
    fi;
    set = 0;
    b = 0
  }
}

inline crash(j) {
  up = up & ~bit(j);
  session[1] = session[1] & ~bit(j);
  session[2] = session[2] & ~bit(j);
  crashes--
}
inline some_node() { if :: i = 0 :: i = 1 :: i = 2 :: i = 3 :: i = 4 :: i = 5 fi }

proctype Network() {
  byte i, c;
  do
  :: atomic { crashes > 0 -> some_node(); if :: in(i, up) && honest(i) -> crash(i) :: else fi; i = 0 }
  :: atomic { up != 63 -> up = 63 }
  :: atomic {
      complete(1) || complete(2) ->
      some_node();
      if :: c = 1 :: c = 2 fi;
      if
      :: honest(i) && in(i, up) && complete(c) && greater(c, epoch[i]) -> activate(i, c)
      :: else
      fi;
      i = 0; c = 0
    }
#ifdef FORGET
  :: atomic { !complete(1) -> some_node(); shares[i] = shares[i] & ~bit(1); check(); i = 0 }
#endif
  :: atomic { network = 0; session[1] = 0; session[2] = 0; break }
  od
}

#define settled(j, c) (!honest(j) || !in(j, up) || (epoch[j] == (c) && (!in(j, members[c]) || in(c, shares[j]))))
#define all_settled(c) (complete(c) && settled(0, c) && settled(1, c) && settled(2, c) && settled(3, c) && settled(4, c) && settled(5, c))

init {
  atomic {
    members[0] = 7;
    signatures[0] = 7;
    number[0] = 1;
    shares[0] = 1; shares[1] = 1; shares[2] = 1;
    highest[0] = 1; highest[1] = 1; highest[2] = 1;
    if :: corrupt = NONE :: corrupt = 1 :: corrupt = 2 :: corrupt = 3 :: corrupt = 5 fi;
    if :: corrupt != 0 -> run Node(0) :: else fi;
    if :: corrupt != 1 -> run Node(1) :: else fi;
    if :: corrupt != 2 -> run Node(2) :: else fi;
    if :: corrupt != 3 -> run Node(3) :: else fi;
    if :: corrupt != 4 -> run Node(4) :: else fi;
    if :: corrupt != 5 -> run Node(5) :: else fi;
    run Attempt(1); run Attempt(2); run Network()
  }
  timeout;
  assert(all_settled(0) || all_settled(1) || all_settled(2))
}
