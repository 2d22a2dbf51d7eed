/* The rules by which members of a key go from one certificate to the next (docs/reshare.md, Numbers): who may sign what,
   when a node activates a certificate, what it deletes, when it may leave for good. Old and new nodes; ATTEMPTS
   attempts, one after the other or at once, each from any complete certificate, over any of three committees, with
   either of two numbers; nobody or one node is corrupt; any node may crash at any moment, come back or not; messages are lost, late or
   shown to whomever the network and the corrupt node like. Certificates go by name: number, then digest, which is here the
   certificate's index, as attempts are alike. Dealing, proofs and echo are not here: an attempt is its members in a session,
   whose memory a crash wipes. Nor is the moment between preparing and signing: who has prepared signs whenever asked.

   Safety, in every reachable state (check): all honest members of the greatest complete certificate hold their shares of
   it. Liveness, wherever nothing more can happen (the end of init): all nodes that are up have the same certificate in
   force, and its members among them have their shares, so that they can sign and deal. Nothing happens for ever: shares,
   signatures and epochs only go one way and crashes are counted, so every run in which nobody waits for ever gets there.

   ATTEMPTS=2: six nodes, committees of three of which two are needed, one corrupt node or none. ATTEMPTS=3: four nodes,
   committees of one or two which all are needed, nobody is corrupt; no two of them share a member unless they are the same.
   CRASHES=k: how many there are in one run; and at most one node leaves for good.

   With one of these defined a rule is broken, and the checks must fail:
     EPOCH_PLUS_ONE  the number is the active one's plus one, and a new attempt replaces what was prepared before
     FORGET          a prepared share is dropped when its session times out
     DELETE_EARLY    the old share goes when the new one is prepared
     NO_ORDER        of two complete certificates of one number neither counts as greater
     BY_NUMBER       what an activation deletes, it deletes by the number alone
     RETIRE_EARLY    a node leaves for good although it has prepared a share that may come into force */

#define NODES 6
#define NONE 7
#if ATTEMPTS == 3
#define CERTIFICATES 4
#define ALL 15 /* sets of nodes */
#define FIRST 1
#define SECOND 6
#define THIRD 8
#define enough(b) (dealers(b) == (members[b] == SECOND -> 2 : 1))
#else
#define CERTIFICATES 3
#define ALL 63
#define FIRST 7
#define SECOND 28
#define THIRD 56
#define enough(b) (dealers(b) >= 2)
#endif

#define bit(j) (1 << (j))
#define in(j, set) (((set) >> (j)) & 1)
#define honest(j) ((j) != corrupt)
#define started(c) (members[c] != 0)

/* Certificate 0 is the key's, of the first committee. */
byte members[CERTIFICATES];   /* sets of nodes */
byte number[CERTIFICATES];
byte base[CERTIFICATES];
byte session[CERTIFICATES];   /* members with the attempt in memory */
byte signatures[CERTIFICATES]; /* members who have prepared, and sign for the asking */
byte epoch[NODES];           /* the certificate in force */
byte shares[NODES];           /* set of certificates: on disk */
byte highest[NODES];          /* the greatest number signed: on disk, as part of the shares kept */
byte up = ALL;
byte corrupt = NONE;          /* signs everything, shows it to whom it likes, keeps nothing */
byte crashes = CRASHES;
bit left;                     /* somebody has left for good: */
byte gone = NONE;
bit network = 1;              /* what need not happen may still happen */

#if ATTEMPTS == 3
#define ANY_COMPLETE (complete(1) || complete(2) || complete(3))
#define each(p) (p(0) && p(1) && p(2) && p(3))
#define some(p) (p(0) || p(1) || p(2) || p(3))
#else
#define ANY_COMPLETE (complete(1) || complete(2))
#define each(p) (p(0) && p(1) && p(2))
#define some(p) (p(0) || p(1) || p(2))
#endif

/* all honest members have signed; a corrupt one has, as far as anybody knows */
#define complete(c) (started(c) && ((signatures[c] | (corrupt == NONE -> 0 : bit(corrupt))) & members[c]) == members[c])
#ifdef NO_ORDER
#define greater(c, d) (number[c] > number[d])
#else
#define greater(c, d) (number[c] > number[d] || (number[c] == number[d] && (c) > (d)))
#endif

#define holds(j, c) (!in(j, members[c]) || !honest(j) || in(c, shares[j]))
#define whole(c) (holds(0, c) && holds(1, c) && holds(2, c) && holds(3, c) && holds(4, c) && holds(5, c))
#define exceeds(d, c) (complete(d) && greater(d, c))
#if ATTEMPTS == 3
#define greatest(c) (complete(c) && !(exceeds(0, c) || exceeds(1, c) || exceeds(2, c) || exceeds(3, c)))
#else
#define greatest(c) (complete(c) && !(exceeds(0, c) || exceeds(1, c) || exceeds(2, c)))
#endif
#define safe(c) (!greatest(c) || whole(c))

inline check() { assert(each(safe)) }

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
  signatures[c] = signatures[c] | bit(j);
  check()
}

#ifdef BY_NUMBER
#define obsolete(j, c, d) (d != c && (number[d] < number[c] || number[d] == number[epoch[j]]))
#else
#define obsolete(j, c, d) (d != c && !greater(d, c))
#endif
inline drop(j, c, d) {
  if
  :: obsolete(j, c, d) -> shares[j] = shares[j] & ~bit(d)
  :: else
  fi
}
inline activate(j, c) {
  drop(j, c, 0);
  drop(j, c, 1);
  drop(j, c, 2);
#if ATTEMPTS == 3
  drop(j, c, 3);
#endif
  epoch[j] = c;
  check()
}

/* Somebody who is up has it, or all who signed are up and repeat their signatures. */
#define has(k, c) (honest(k) && in(k, up) && epoch[k] == (c))
#define obtainable(c) (complete(c) && (has(0, c) || has(1, c) || has(2, c) || has(3, c) || has(4, c) || has(5, c) || \
    ((members[c] & up) == members[c] && (corrupt == NONE || !in(corrupt, members[c])))))

#define can_prepare(j, c) (network && in(j, up) && in(j, session[c]) && may_sign(j, c))
#define can_learn(j, c) (in(j, up) && obtainable(c) && greater(c, epoch[j]))

proctype Node(byte j) {
  do
  :: atomic { can_prepare(j, 1) -> prepare(j, 1) }
  :: atomic { can_prepare(j, 2) -> prepare(j, 2) }
  :: atomic { can_learn(j, 1) -> activate(j, 1) }
  :: atomic { can_learn(j, 2) -> activate(j, 2) }
#if ATTEMPTS == 3
  :: atomic { can_prepare(j, 3) -> prepare(j, 3) }
  :: atomic { can_learn(j, 3) -> activate(j, 3) }
#endif
  od
}

/* ---- what need not happen: attempts, crashes, a certificate shown to one node alone, time-outs, leaving */

#define can_deal(k, b) (in(k, up) && in(k, members[b]) && (k == corrupt || (epoch[k] == (b) && in(b, shares[k]))))
#define dealers(b) (can_deal(0, b) + can_deal(1, b) + can_deal(2, b) + can_deal(3, b) + can_deal(4, b) + can_deal(5, b))

proctype Attempt(byte c) {
  byte set, b, n;
  atomic {
    if :: set = FIRST :: set = SECOND :: set = THIRD fi;
    if :: b = 0 :: b = 1 :: b = 2
#if ATTEMPTS == 3
       :: b = 3
#endif
    fi;
    if :: n = 2 :: n = 3 fi;
    if
    :: network && b != c && (set & up) == set && complete(b) && n > number[b] && enough(b) ->
      members[c] = set;
      base[c] = b;
      session[c] = set & ~(corrupt == NONE -> 0 : bit(corrupt));
      number[c] = n
    :: else
    fi;
    set = 0;
    b = 0;
    n = 0
  }
}

inline go_down(j) {
  up = up & ~bit(j);
  session[1] = session[1] & ~bit(j);
  session[2] = session[2] & ~bit(j);
#if ATTEMPTS == 3
  session[3] = session[3] & ~bit(j);
#endif
}
inline some_node() { if :: i = 0 :: i = 1 :: i = 2 :: i = 3 :: i = 4 :: i = 5 fi }

#ifdef RETIRE_EARLY
#define may_leave(j) (!in(epoch[j], shares[j]))
#else
#define may_leave(j) (shares[j] == 0)
#endif

proctype Network() {
  byte i, c;
  do
  :: atomic { crashes > 0 -> some_node(); if :: in(i, up) && honest(i) -> go_down(i); crashes-- :: else fi; i = 0 }
  :: atomic { (up | (left -> bit(gone) : 0)) != ALL -> up = ALL & ~(left -> bit(gone) : 0) }
  :: atomic {
      !left ->
      some_node();
      if
      :: in(i, up) && honest(i) && epoch[i] != 0 && may_leave(i) -> go_down(i); shares[i] = 0; gone = i; left = 1; check()
      :: else
      fi;
      i = 0
    }
  :: atomic {
      ANY_COMPLETE ->
      some_node();
      if :: c = 1 :: c = 2
#if ATTEMPTS == 3
         :: c = 3
#endif
      fi;
      if
      :: honest(i) && in(i, up) && complete(c) && greater(c, epoch[i]) -> activate(i, c)
      :: else
      fi;
      i = 0; c = 0
    }
#ifdef FORGET
  :: atomic { !complete(1) -> some_node(); shares[i] = shares[i] & ~bit(1); check(); i = 0 }
#endif
  :: atomic {
      network = 0; session[1] = 0; session[2] = 0;
#if ATTEMPTS == 3
      session[3] = 0;
#endif
      break
    }
  od
}

#define settled(j, c) (!honest(j) || !in(j, up) || (epoch[j] == (c) && (!in(j, members[c]) || in(c, shares[j]))))
#define all_settled(c) (complete(c) && settled(0, c) && settled(1, c) && settled(2, c) && settled(3, c) && settled(4, c) && settled(5, c))

init {
  atomic {
    members[0] = FIRST;
    signatures[0] = FIRST;
    number[0] = 1;
    shares[0] = 1;
    highest[0] = 1;
#if ATTEMPTS == 2
    shares[1] = 1; shares[2] = 1;
    highest[1] = 1; highest[2] = 1;
    if :: corrupt = NONE :: corrupt = 1 :: corrupt = 2 :: corrupt = 3 :: corrupt = 5 fi;
#endif
    run Node(0);
    if :: corrupt != 1 -> run Node(1) :: else fi;
    if :: corrupt != 2 -> run Node(2) :: else fi;
    if :: corrupt != 3 -> run Node(3) :: else fi;
#if ATTEMPTS == 2
    run Node(4);
    if :: corrupt != 5 -> run Node(5) :: else fi;
#endif
    run Attempt(1); run Attempt(2);
#if ATTEMPTS == 3
    run Attempt(3);
#endif
    run Network()
  }
  timeout;
  assert(some(all_settled))
}
